"""Polymarket's protocol: Gamma, the order book (CLOB), the data API and the web sockets."""
