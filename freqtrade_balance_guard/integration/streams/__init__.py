"""Order books by websocket."""
