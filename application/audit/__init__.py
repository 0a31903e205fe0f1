"""Doing what administrators ask for, as facts on the tenant's own ledger."""
