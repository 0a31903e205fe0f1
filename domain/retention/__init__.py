"""Retention policies: how long the values beside the ledger are kept, and what becomes of them."""
