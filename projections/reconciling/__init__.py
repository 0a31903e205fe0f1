"""Holding the read models against the ledger, and putting right what differs."""
