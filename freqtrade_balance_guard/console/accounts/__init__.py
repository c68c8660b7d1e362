"""Accounts at exchanges, as the exchanges describe them."""
