"""What erasing a person does to the database and the key store."""
