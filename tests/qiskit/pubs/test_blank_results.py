"""Results without numbers have the shapes of results."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.tape import QuantumScript

from pennylane_qizgloria.qiskit.pubs.blank_results import blank_result

SAMPLED = [
    *(qml.expval(qml.Z(0)), qml.probs(wires=[0, 1]), qml.sample(wires=[0, 1]), qml.sample()),
    *(qml.sample(qml.Z(1)), qml.counts(), qml.classical_shadow(wires=[0, 1])),
    *(qml.shadow_expval(qml.Z(0)), qml.shadow_expval([qml.Z(0), qml.X(1)])),
]
EXACT = [
    *(qml.expval(qml.Z(0)), qml.probs(wires=[0, 1]), qml.state(), qml.density_matrix([1])),
    *(qml.purity([0]), qml.vn_entropy([0])),
]


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize(
    ("process", "shots"),
    [(process, shots) for process in SAMPLED for shots in (5, (5, 3))]
    + [(process, None) for process in EXACT],
)
def test_shapes(process, shots, batch):
    """Programs that go on with the results of an estimate see the axes that they expect."""
    device = qml.device("qizgloria.qiskit", wires=2, backend="aer")
    angle = 0.1 if batch is None else np.linspace(0, 1, batch)
    tape = QuantumScript([qml.RX(angle, 0), qml.CNOT([0, 1])], [process], shots=shots)
    (wanted,) = qml.execute([tape], device, diff_method=None)
    found = blank_result(tape, device.wires)
    for own, value in zip(*([x] if shots != (5, 3) else x for x in (found, wanted)), strict=True):
        assert type(own) is type(value) or np.shape(own) == np.shape(value)
        if not isinstance(value, dict | list):
            assert np.shape(own) == np.shape(value)
