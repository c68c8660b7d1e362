"""What an arbitrage would do, and what may be spent on it. Nothing is sent or written here."""
