"""Results of measurement processes from bits."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.wires import Wires

from pennylane_qizgloria.qiskit.measurements.values import result_of, values_of

LABELS = Wires(["a", "b", "c"])
TOTAL = 0.1 * qml.Z("a") + 0.2 * qml.Z("c") - 0.3 * qml.Z("a") @ qml.Z("b")


@pytest.fixture
def bits(rng):
    return rng.integers(0, 2, (2, 50, 3)) == 1


def test_values_of_sums(bits):
    """Each shot has the value that its signs give; equal values are equal numbers."""
    signs = 1 - 2 * bits.astype(int)
    wanted = 0.1 * signs[..., 0] + 0.2 * signs[..., 2] - 0.3 * signs[..., 0] * signs[..., 1]
    found = values_of(TOTAL.pauli_rep, bits, LABELS)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert len(np.unique(found)) == len(np.unique(np.round(wanted, 6)))


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("ragged", [True, False])
@pytest.mark.parametrize(
    "process",
    [
        *(qml.expval(TOTAL), qml.var(TOTAL), qml.sample(TOTAL), qml.counts(TOTAL)),
        *(qml.probs(wires=["c", "a"]), qml.counts(wires="b"), qml.sample(wires=["a", "b"])),
        *(qml.expval(qml.Projector([1, 0], ["c", "a"])), qml.counts(TOTAL, all_outcomes=True)),
    ],
    ids=str,
)
@pytest.mark.parametrize("rows", [1, 2])
def test_rows_are_the_batch(bits, process, batched, ragged, rows):
    """A batch is the results of its rows, however they come, and even if there is one."""
    bits = bits[:rows]
    given = list(bits) if ragged else bits
    found = result_of(process, given, LABELS, batched)
    single = [result_of(process, [row], LABELS, False) for row in bits]
    if not batched:
        found, single = [found], single[:1]
    assert len(found) == len(single)
    for own, wanted in zip(found, single, strict=True):
        if isinstance(wanted, dict):
            assert own == wanted
        else:
            np.testing.assert_allclose(own, wanted, atol=1e-12)


def test_dtypes():
    """Samples have the dtype that is asked for."""
    bits = np.zeros((1, 4, 3), dtype=bool)
    found = result_of(qml.sample(qml.Z("a"), dtype="float32"), bits, LABELS, False)
    assert found.dtype == np.float32
