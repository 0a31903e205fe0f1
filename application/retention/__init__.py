"""Keeping what must be kept, and letting go of the rest in time."""
