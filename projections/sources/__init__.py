"""Where each source is: its newest event, and which of the numbers it gives have not come."""
