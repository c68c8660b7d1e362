"""Arguments and tables; no decisions."""
