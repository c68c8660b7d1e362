"""GuardedBot, the parts of a live bot, and what they do once per loop."""
