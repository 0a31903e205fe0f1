"""What can be asked of a history: the query language, and what makes an event findable."""
