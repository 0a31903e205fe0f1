"""Searching, counting and ranking what is recorded."""
