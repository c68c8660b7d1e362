"""Requests of the guard's own: each ends at its deadline, all stay within the rate limit."""
