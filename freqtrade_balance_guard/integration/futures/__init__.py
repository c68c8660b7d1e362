"""A futures account: its positions and its wallet balance."""
