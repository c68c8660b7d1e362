"""Ethereum's and Kalshi's signatures, checked without the libraries that make them."""
