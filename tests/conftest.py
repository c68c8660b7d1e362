"""What all tests share."""

import os


# Workers of a parallel run are given a width of their own; a test that needs one sets it.
os.environ.pop("COLUMNS", None)
