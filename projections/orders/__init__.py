"""Orders, their events (the timeline) and the actors: one read model with foreign keys."""
