"""Listens to events and counts, logs or shows them. It is notified and decides nothing."""
