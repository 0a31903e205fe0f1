"""Erasing what is kept of a person: finding it, deleting it, and reading every store again."""
