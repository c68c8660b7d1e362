"""SX Bet's protocol, version 3: one order book in stakes and odds, and its web socket."""
