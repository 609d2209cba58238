"""Parameters that no measurement sees have a gradient, and it is zero."""

from __future__ import annotations

import pennylane as qml
import pytest
import torch
from helpers.devices import mixed_device

GENERATOR = torch.tensor([[0, 1], [1, 0.3]], dtype=torch.complex128)

CIRCUITS = {
    "another wire": (lambda x, U: (qml.RX(x, 1), qml.QubitUnitary(U, 1)), (True, True)),
    "only the angle seen": (lambda x, U: (qml.RX(x, 0), qml.QubitUnitary(U, 1)), (False, True)),
    "only the matrix seen": (lambda x, U: (qml.RX(x, 1), qml.QubitUnitary(U, 0)), (True, False)),
    "a global phase": (lambda x, U: (qml.GlobalPhase(x), qml.QubitUnitary(U, 0)), (True, False)),
    "a batch": (lambda x, U: (qml.RX(x * torch.ones(3), 1), qml.QubitUnitary(U, 1)), (True, True)),
    "a strength": (
        lambda x, U: (qml.AmplitudeDamping(x, 1), qml.QubitUnitary(U, 1)),
        (True, True),
    ),
}

MEASURED = {
    "expval": lambda: qml.expval(qml.Z(0)),
    "probs": lambda: qml.probs([0]),
    "density matrix": lambda: qml.density_matrix([0]),
    "several": lambda: (qml.var(qml.Z(0)), qml.purity([0])),
}


@pytest.mark.parametrize("measured", MEASURED)
@pytest.mark.parametrize("method", ["best", "device"])
@pytest.mark.parametrize("name", CIRCUITS)
def test_zero(name, method, measured):
    """Each parameter has a gradient; those that are not seen have zero."""
    operations, unseen = CIRCUITS[name]

    @qml.qnode(mixed_device(2), interface="torch", diff_method=method)
    def circuit(x, h):
        operations(x, torch.matrix_exp(1j * h * GENERATOR))
        return MEASURED[measured]()

    x, h = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.3, 0.2))
    results = circuit(x, h)
    parts = results if isinstance(results, tuple) else (results,)
    total = sum(abs(part.flatten()[0]) for part in parts)
    if parts[0].ndim and measured in {"expval", "several"}:
        total = sum(part.sum() for part in parts)
    total.backward()
    for leaf, is_unseen in zip((x, h), unseen, strict=True):
        assert leaf.grad is not None
        if is_unseen:
            assert leaf.grad == 0
        elif measured in {"expval", "probs"}:
            assert abs(leaf.grad) > 1e-3
