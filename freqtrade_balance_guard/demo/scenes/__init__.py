"""What the demo plays: one scene per trouble."""
