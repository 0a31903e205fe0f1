"""Watching over an installation: what is measured, and what is told of one tenant's intake."""
