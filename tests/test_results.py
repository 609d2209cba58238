"""Results in PennyLane's shapes."""

import pytest

from pennylane_qizgloria.results import unwrapped


@pytest.mark.parametrize(
    ("results", "expected"),
    [([1.5], 1.5), ([1, 2], (1, 2)), ([], ()), ([(1, 2)], (1, 2)), ((1, 2, 3), (1, 2, 3))],
)
def test_unwrapped(results, expected):
    """One result stands alone, and several or none are a tuple."""
    assert unwrapped(results) == expected
