"""Putting pseudonyms in the place of a person's values, and the values back."""
