"""What a person is told of all that is held on them (GDPR, Article 15)."""
