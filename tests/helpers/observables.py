"""Hermitian matrices for the tests of observables."""

import numpy as np

HERMITIAN = np.array([[0.3, 0.4 - 0.7j], [0.4 + 0.7j, -1.1]])
_square = np.random.default_rng(8).normal(size=(4, 4))
WIDE = _square + _square.T + 1j * (_square - _square.T)
"""A matrix on two wires without symmetries."""
