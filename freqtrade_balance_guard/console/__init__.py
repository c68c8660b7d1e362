"""What ``balance-guard`` reports about bots: read from what they have stored, then printed.

A report is a function from the stores to values; ``printing`` shows them. Nothing here decides
about an order, and nothing here talks to an exchange: ``exchange_view`` says what may be asked.
"""
