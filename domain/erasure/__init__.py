"""Which values of which events are a person's, and the fact that they were erased."""
