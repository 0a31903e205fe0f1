"""Measures an installation in its database."""
