"""Answers to questions about a history, from the orders read model."""
