"""What is relied on in freqtrade, the entry gates, whom to guard, and where plugins are found."""
