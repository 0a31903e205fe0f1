"""The ledger's keys, its published checkpoints, and what signs them."""
