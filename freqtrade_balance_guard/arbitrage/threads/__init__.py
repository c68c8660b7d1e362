"""Threads: one queue for each key, one task for each arbitrage and exposure, one for the loop."""
