"""Placing and releasing legal holds, and asking them before anything is deleted."""
