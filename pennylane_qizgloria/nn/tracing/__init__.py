"""Calls of QNodes, traced once and run again."""
