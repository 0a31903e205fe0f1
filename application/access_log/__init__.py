"""The access log: what personal data was shown to whom, noted before it is."""
