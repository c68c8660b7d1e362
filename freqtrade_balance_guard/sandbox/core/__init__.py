"""The exchange itself, whatever protocol it is asked in."""
