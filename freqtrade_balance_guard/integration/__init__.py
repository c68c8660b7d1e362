"""The only folder that imports freqtrade. Each touch has its reason in ``@relies_on`` or ``host/relied_on.py``."""
