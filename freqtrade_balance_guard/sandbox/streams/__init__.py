"""Web sockets: what the exchanges send unasked, with gaps and broken lines on request."""
