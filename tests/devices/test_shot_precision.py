"""The precision of results from shots."""

import numpy as np
import pennylane as qml
import pytest
from helpers.circuits import example_circuit
from helpers.devices import mixed_device
from helpers.exact_statistics import SHOTS, exact_state
from helpers.execution import execute_tuple
from helpers.observables import HERMITIAN


def test_single_precision():
    """Sampled probabilities in single precision add up to 1 and follow the distribution."""
    device = mixed_device(seed=23, r_dtype="float32")
    (probabilities,) = execute_tuple(device, example_circuit(), [qml.probs(wires=range(4))], SHOTS)
    assert abs(probabilities.sum() - 1) < 1e-6
    expected = np.diag(exact_state()).real.clip(0)
    assert (abs(probabilities - expected) <= 5 * np.sqrt(expected / SHOTS) + 1e-6).all()


FLOATS = {
    "expval": lambda: qml.expval(qml.Z(0)),
    "expval of a sum": lambda: qml.expval(qml.Z(0) + 0.5 * qml.X(1)),
    "expval of a matrix": lambda: qml.expval(qml.Hermitian(HERMITIAN, 0)),
    "var": lambda: qml.var(qml.Z(0)),
    "probs": lambda: qml.probs(wires=[0, 1]),
    "sample": lambda: qml.sample(qml.Z(0) @ qml.X(1)),
    "sample of a sum": lambda: qml.sample(qml.Z(0) + 0.3 * qml.Z(0) @ qml.Z(1)),
    "shadow": lambda: qml.shadow_expval([qml.Z(0), qml.X(1)], seed=1),
}


@pytest.mark.parametrize("interface", [None, "torch"])
@pytest.mark.parametrize("readout_prob", [None, 0.1])
@pytest.mark.parametrize("shots", [7, (5, 7)], ids=str)
@pytest.mark.parametrize("batch", [None, 1, 3])
@pytest.mark.parametrize(("r_dtype", "name"), [("float32", "float32"), (None, "float64")])
def test_dtype(r_dtype, name, batch, shots, readout_prob, interface):
    """Results from shots have the precision of the device; bits and dtypes asked for stay."""
    device = mixed_device(2, seed=24, r_dtype=r_dtype, readout_prob=readout_prob)

    @qml.set_shots(shots)
    @qml.qnode(device, interface=interface)
    def circuit():
        qml.RX(0.3 if batch is None else np.full(batch, 0.3), 0)
        floats = [make() for make in FLOATS.values()]
        return *floats, qml.sample(wires=0), qml.sample(qml.Z(0), dtype="int16")

    results = circuit()
    for part in [results] if isinstance(shots, int) else results:
        *floats, bits, short = part
        assert {str(own.dtype).removeprefix("torch.") for own in floats} == {name}
        assert str(bits.dtype).endswith("int64")
        assert str(short.dtype).endswith("int16")
