"""Listens to events and counts, logs or shows them. Told, never asked."""
