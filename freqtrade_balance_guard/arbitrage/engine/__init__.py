"""Carries out arbitrages: plans, reserves, sends, follows and hedges."""
