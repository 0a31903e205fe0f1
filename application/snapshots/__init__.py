"""Snapshots of an order's whole state: uploaded by a producer, or computed by folding."""
