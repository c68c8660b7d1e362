"""What all tests share."""

import os

from hypothesis import HealthCheck, settings


# Workers of a parallel run are given a width of their own; a test that needs one sets it.
os.environ.pop("COLUMNS", None)

# How long one example takes says more about the machine than about the code.
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")
