"""The access log's spool, its tables, and the way from one to the other."""
