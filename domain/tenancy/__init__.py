"""Tenants as such: that they leave, and how much they may send."""
