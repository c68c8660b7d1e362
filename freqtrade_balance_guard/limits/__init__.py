"""When an affordable order is still denied or made smaller. Pure functions over Decimal."""
