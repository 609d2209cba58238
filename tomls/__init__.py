"""Capability files, one for each device."""
