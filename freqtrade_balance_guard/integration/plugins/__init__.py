"""Protections and the pairlist filter, which freqtrade's configuration names."""
