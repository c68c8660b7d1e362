"""Two legs in a bot's loop and on its exchanges."""
