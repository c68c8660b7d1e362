"""Polymarket, Kalshi and SX Bet behind the protocol of a venue."""
