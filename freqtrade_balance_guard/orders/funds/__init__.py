"""What an entry is paid from, and what the account's other bots did to it."""
