"""What arbitrages have done: flows of money, inventory, messages to the user."""
