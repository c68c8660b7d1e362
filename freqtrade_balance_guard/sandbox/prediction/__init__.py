"""A prediction market itself, whatever protocol it is asked in: outcomes, shares, settlement."""
