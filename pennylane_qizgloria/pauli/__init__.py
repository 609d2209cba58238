"""Exact simulation of mixed states as real Pauli vectors, in torch alone."""
