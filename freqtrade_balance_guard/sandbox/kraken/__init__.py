"""Kraken's spot protocol over the core."""
