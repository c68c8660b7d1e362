"""Orders on their way out: from the engine's loop, or from the thread of their key."""
