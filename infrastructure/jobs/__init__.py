"""Jobs in PostgreSQL: their rows, the spool of bulk jobs, and procrastinate, which runs them."""
