"""Comparison of estimates with exact values, in standard errors."""

import numpy as np


def assert_within(found, exact, shots, scale=1.0, errors=5):
    """Compare an estimate with its exact value.

    The bound on the standard error is that of a result with values in [-scale, scale].
    """
    found, exact = np.asarray(found), np.asarray(exact)
    assert found.shape == exact.shape
    np.testing.assert_allclose(found, exact, rtol=0, atol=errors * scale / np.sqrt(shots))
