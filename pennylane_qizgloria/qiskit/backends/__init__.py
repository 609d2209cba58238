"""Backends: found by name, checked, with their options."""
