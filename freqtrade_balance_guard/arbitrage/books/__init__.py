"""Order books, read in the background."""
