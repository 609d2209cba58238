"""Tapes packed into PUBs, and their results."""
