"""Starts what reports on a running bot: metrics, the page, messages."""
