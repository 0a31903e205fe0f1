"""The composition root: the only package that names adapters and puts everything together.

serving      api(settings)      the Services of the HTTP application
working      run_worker         hub, jobs, snapshots, schedules
writing      writing(settings)  the write side, which both and `import` stand on
database     embedded or given, migrated
maintenance  import, rebuild, verify, doctor
"""
