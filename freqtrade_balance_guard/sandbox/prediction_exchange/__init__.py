"""A prediction market with its scenario, faults, journal and control, without HTTP."""
