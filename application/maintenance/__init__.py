"""Looking after what follows from the ledger: reindexing, repairing, compacting."""
