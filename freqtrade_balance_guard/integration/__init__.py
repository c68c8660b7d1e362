"""The only folder that imports freqtrade.

Each touch has its reason: in ``@relies_on`` at an override, or in ``host/relied_on.py``.
"""
