"""Counters and gauges, and the server that shows them to Prometheus."""
