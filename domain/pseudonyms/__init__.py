"""What stands in the place of a person's values, and the facts about it."""
