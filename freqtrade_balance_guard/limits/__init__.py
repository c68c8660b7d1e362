"""When an affordable order is still refused or made smaller. Pure functions over Decimal."""
