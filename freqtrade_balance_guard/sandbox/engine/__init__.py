"""One whole exchange in memory, and what a protocol needs to answer for it."""
