"""Legal holds: what must not be deleted, and why."""
