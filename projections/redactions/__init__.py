"""Where sources send card numbers: which source, which type of event, which field."""
