"""Orders: what may be recorded about one, the aggregate that records it, and the fold."""
