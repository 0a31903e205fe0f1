"""What is kept of a tenant that leaves: reading all of it, and destroying it."""
