"""Pure: what an order history is. No I/O, no clock, no SQL."""
