"""Follows every order of a bot: its ids, the money reserved for it, its outcome."""
