"""What the tables of both databases have in common."""
