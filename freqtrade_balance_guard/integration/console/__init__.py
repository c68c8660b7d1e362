"""A bot's configuration and exchange, for commands that run beside it."""
