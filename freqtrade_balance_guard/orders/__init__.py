"""Every order on its way: promised money, client order id, outcome. Knows no exchange."""
