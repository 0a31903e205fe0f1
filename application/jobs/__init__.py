"""Work that outlives its request: queued, run by a worker, gone on with after a restart."""
