"""Pairlist filters. freqtrade executes each file a second time under its bare name: no state."""
