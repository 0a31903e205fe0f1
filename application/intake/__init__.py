"""Many events at once: a body of lines, received, spooled, recorded; and files, imported."""
