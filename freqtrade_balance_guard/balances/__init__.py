"""What the exchange says we own, and how far to believe it. Knows no exchange and no freqtrade."""
