"""Snapshots: complete states of an order, and the facts about them on the ledger."""
