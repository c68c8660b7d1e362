"""Legs that buy outcomes of events: complements, their fees, grids, plans and settlement."""
