"""What primitives return is what they were asked for, or refused."""

import numpy as np
import pytest
from qiskit.primitives import BitArray, DataBin, PubResult

from pennylane_qizgloria.qiskit.jobs.records import JobError
from pennylane_qizgloria.qiskit.pubs.primitive_results import require_bits, require_means


def bits(rows=2, shots=6, size=3, name="meas"):
    array = np.arange(rows * shots, dtype=np.uint8).reshape(rows, shots, 1) % 2**size
    return PubResult(DataBin(**{name: BitArray(array, size)}, shape=(rows,)))


def test_bits_pass():
    """They come as rows, shots and bits, the lowest bit first."""
    found = require_bits(bits(), "meas", 2, 6, 3)
    assert found.shape == (2, 6, 3)
    np.testing.assert_array_equal(found[0, 3], [True, True, False])


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (bits(shots=3), "2 rows of 3 shots of 3 bits .* where 2 rows of 6 shots of 3 bits"),
        (bits(rows=1), "1 rows of 6 shots"),
        (bits(size=4), "6 shots of 4 bits"),
        (bits(name="other"), "no bits for the register 'meas'"),
        (PubResult(DataBin(meas=np.zeros((2, 6, 3)))), "but ndarray"),
        (
            PubResult(DataBin(meas=BitArray(np.full((2, 6, 1), 8, np.uint8), 3), shape=(2,))),
            "bits beyond the 3 of the register",
        ),
    ],
)
def test_bits_that_were_not_asked_for(result, message):
    """Half the shots, too many bits or missing registers would be wrong results."""
    with pytest.raises(JobError, match=message):
        require_bits(result, "meas", 2, 6, 3)


def means(values):
    return PubResult(DataBin(evs=values))


@pytest.mark.parametrize("dtype", [float, np.float32, complex, int])
def test_means_pass(dtype):
    """Real numbers of any dtype are taken."""
    found = require_means(means(np.ones((2, 3), dtype)), (2, 3))
    np.testing.assert_array_equal(found, np.ones((2, 3)))
    assert found.dtype == float


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[1, np.nan, 1]]), "1 of 3 expectation values that are not finite"),
        (np.array([[1, np.inf, np.nan]]), "2 of 3 expectation values"),
        (np.array([[1, 1j, 1]]), "must be real"),
        (np.array([["a", "b", "c"]]), "must be real"),
        (np.ones((1, 2)), r"shape \(1, 2\), where \(1, 3\) was asked for"),
        (np.ones(3), r"shape \(3,\)"),
        (np.ones((3, 1)), r"shape \(3, 1\)"),
    ],
)
def test_means_that_were_not_asked_for(values, message):
    """Values that are no real numbers, or too few, would be wrong results."""
    with pytest.raises(JobError, match=message):
        require_means(means(values), (1, 3))
