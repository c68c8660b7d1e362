"""Positions of a futures account, compared with what orders have made."""
