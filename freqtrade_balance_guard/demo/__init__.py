"""Rehearsals with a real, unmodified freqtrade on the sandbox; also the harness of the tests.

This package starts freqtrade as a process and looks at it from outside; it never imports it.
"""
