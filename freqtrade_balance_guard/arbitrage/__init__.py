"""Two legs on two exchanges, and never one leg unknowingly: an arbitrage.

``TwoLegExecutor`` (``engine.executor``) reserves both, stores the intent, sends both at the same
time and follows each to its end. ``venue`` says what an exchange has to offer, ``states`` draws the
way of an arbitrage, ``unhedged`` is what is left when one leg did more than the other.
"""
