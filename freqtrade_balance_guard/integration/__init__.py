"""The only folder that imports freqtrade. ``contract.py`` lists each touch with its reason."""
