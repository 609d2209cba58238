"""Circuits that a backend runs, made once for each structure."""
