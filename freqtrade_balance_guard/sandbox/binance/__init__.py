"""Binance's spot protocol over the engine."""
