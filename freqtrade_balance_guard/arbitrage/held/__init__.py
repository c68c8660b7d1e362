"""Complements as arbitrages: planned, ended, and held until an event is resolved."""
