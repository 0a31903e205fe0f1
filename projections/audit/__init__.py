"""What was done to the service, and by whom: of the orders read model, whose events it is of."""
