"""Who may do what: from a request's headers to a Caller."""
