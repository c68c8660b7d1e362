"""What lets a new arbitrage begin: permits of the bot, limits, the breaker, inventory."""
