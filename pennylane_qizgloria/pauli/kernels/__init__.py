"""Small states, operation by operation, in compiled loops."""
