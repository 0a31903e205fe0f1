"""What the use cases of retention need from the database."""
