"""Running plans, forwards and backwards."""
