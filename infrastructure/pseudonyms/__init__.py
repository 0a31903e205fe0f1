"""The mapping from pseudonyms to what they stand for, kept apart from the database."""
