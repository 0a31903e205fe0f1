"""The tiles of the tenants' logs as a read model, and what proofs are made of."""
