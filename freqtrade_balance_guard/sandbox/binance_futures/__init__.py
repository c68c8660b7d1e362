"""Binance's USDT-M futures protocol over the engine."""
