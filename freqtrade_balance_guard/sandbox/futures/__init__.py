"""Perpetual contracts over the core: positions, margin, funding, liquidation, stop orders."""
