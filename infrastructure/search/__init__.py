"""What the search index needs from outside the database: its secret, and what is disclosed."""
