"""The page in freqtrade's web server and the report: one look, no build step, nothing from afar."""
