"""Circuits of closed forms as one operator, against the same operators one by one."""

import numpy as np
import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.lowering.operations.closed_forms import CHANNELS, known_gate
from pennylane_qizgloria.lowering.operations.compiled_circuit import (
    CompiledCircuit,
    Linear,
    Step,
    Template,
)

RX, RY, CRZ = (
    known_gate(op).family.form for op in (qml.RX(0.0, 0), qml.RY(0.0, 0), qml.CRZ(0.0, [0, 1]))
)

# Parameters 0 and 1 are angles, 2 is a strength, and 3 the product of the angles.
TEMPLATE = Template(
    (
        Step(RX, (0,), (Linear(0.1, ((0, 1.0),)),)),
        Step(RY, (1,), (Linear(0.0, ((0, 0.5), (1, -2.0))),)),
        Step(CHANNELS[qml.DepolarizingChannel], (1,), (Linear(0.01, ((2, 0.1),)),)),
        Step(CRZ, (1, 0), (Linear(0.7),)),
        Step(RX, (1,), (Linear(0.0, ((3, 1.0),)),)),
    ),
    3,
    (lambda params: params[0] * params[1],),
)

POLYNOMIAL = Template(
    (
        Step(RX, (0,), (Linear(0.2, ((0, 1.0),)),)),
        Step(RY, (1,), (Linear(0.0, ((0, 0.5),)),)),
        Step(CRZ, (0, 1), (Linear(0.1, ((0, 1.0),)),)),
        Step(RY, (0,), (Linear(0.3, ((1, -1.0),)),)),
    ),
    2,
)


def compiled(a, b, p):
    CompiledCircuit(a, b, p, wires=["a", "b"], template=TEMPLATE)


def written(a, b, p):
    qml.RX(0.1 + a, "a")
    qml.RY(0.5 * a - 2 * b, "b")
    qml.DepolarizingChannel(0.01 + 0.1 * p, "b")
    qml.CRZ(0.7, ["b", "a"])
    qml.RX(a * b, "b")


def qnode_of(function, **options):
    device = qml.device("qizgloria.mixed", wires=["a", "b"])

    def circuit(*params):
        function(*params)
        return qml.expval(qml.Z("a") @ qml.X("b")), qml.probs(wires=["b", "a"])

    return qml.QNode(circuit, device, **options)


CASES = {
    "numbers": (0.3, 0.7, 0.4),
    "arrays": (np.array(0.3), 0.7, np.float32(0.5)),
    "tensors": tuple(torch.tensor([0.3, 0.7, 0.4]).double()),
    "mixed": (torch.tensor(0.3).double(), 0.7, 0.4),
    "batch": (torch.tensor([0.3, 0.5]).double(), torch.tensor(0.7).double(), 0.4),
    "batch of arrays": (np.array([0.3, 0.5, 0.1]), 0.7, np.array([0.1, 0.2, 0.3])),
}


@pytest.mark.parametrize("case", CASES)
def test_results_are_those_of_its_operators(case):
    """Numbers, tensors and batches of either give what the operators one by one give."""
    params = CASES[case]
    for found, expected in zip(
        qnode_of(compiled)(*params), qnode_of(written)(*params), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("diff_method", ["backprop", "adjoint"])
def test_gradients_are_those_of_its_operators(diff_method):
    """Derivatives flow through linear functions, strengths and other functions."""
    gradients = []
    for function in (compiled, written):
        params = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.3, 0.7, 0.4)]
        qnode_of(function, diff_method=diff_method)(*params)[1][1].backward()
        gradients.append([x.grad.item() for x in params])
    np.testing.assert_allclose(*gradients, atol=1e-10)


def test_frequencies():
    """The frequencies of a parameter are the sums and differences of those of its gates."""
    found, grid = POLYNOMIAL.frequencies(0), np.linspace(0, 8 * np.pi, 64, endpoint=False)
    device = qml.device("qizgloria.mixed", wires=["a", "b"])

    @qml.qnode(device)
    def circuit(x):
        CompiledCircuit(x, 0.4, wires=["a", "b"], template=POLYNOMIAL)
        return qml.probs(wires=["a", "b"])

    waves = np.abs(np.fft.rfft(circuit(grid), axis=0)).max(1)
    present = {k / 4 for k in np.flatnonzero(waves > 1e-9)} - {0.0}
    assert present <= set(found)
    assert TEMPLATE.frequencies(0) is None


def test_parameter_shifts_are_exact():
    """With shots, derivatives come from the rule of the frequencies."""
    device = qml.device("qizgloria.mixed", wires=["a", "b"])

    def circuit(x, y):
        CompiledCircuit(x, y, wires=["a", "b"], template=POLYNOMIAL)
        return qml.expval(qml.Z("a") @ qml.Z("b"))

    gradients = []
    for diff_method in ("backprop", "parameter-shift"):
        params = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.9, 0.4)]
        qml.QNode(circuit, device, diff_method=diff_method)(*params).backward()
        gradients.append([x.grad.item() for x in params])
    np.testing.assert_allclose(*gradients, atol=1e-12)


def test_a_strength_out_of_its_domain():
    """What is wrong with a closed form's parameter is said as of any operator."""
    with pytest.raises(ValueError, match=r"p must be in \[0, 1\]"):
        qnode_of(compiled)(0.3, 0.7, 20.0)
