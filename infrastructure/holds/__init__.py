"""What the use cases of legal holds need from the database."""
