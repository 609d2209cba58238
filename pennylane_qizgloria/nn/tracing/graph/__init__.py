"""Traced functions as graphs of torch operations."""
