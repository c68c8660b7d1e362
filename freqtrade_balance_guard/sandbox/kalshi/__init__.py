"""Kalshi's protocol: its REST API, version 2."""
