"""Giving a person all that is held on them: found as for an erasure, shown in the clear."""
