"""What is due by retention policies, found by the orders read model."""
