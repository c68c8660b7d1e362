"""Every order on its way: what it is called, what was promised to it, and what became of it."""
