"""What administrators do to the service, on the tenant's own ledger."""
