"""The ledger: what makes tampering evident."""
