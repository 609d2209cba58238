"""QNodes under torch's own tools: gradcheck, torch.func, graphs walked twice, single precision."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.devices import mixed_device

POINT = torch.tensor([0.7, -0.6, 1.2], dtype=torch.float64)
POINTS = torch.stack([POINT, POINT + 0.9, POINT * 0.4], 1)


def tilted(x):
    qml.RX(x[0], 0)
    qml.CNOT([0, 1])
    qml.Rot(x[1], x[2], x[0], 1)
    qml.AmplitudeDamping(0.3 + 0.1 * x[2], 0)
    return qml.probs(wires=[0, 1])


@pytest.fixture
def node():
    return qml.QNode(tilted, mixed_device(2), interface="torch", diff_method="backprop")


@pytest.fixture(scope="module")
def mixed_node():
    device = qml.device("default.mixed", wires=2)
    return qml.QNode(tilted, device, interface="torch", diff_method="backprop")


def test_gradcheck(node):
    """Torch's own checks of first and second derivatives pass."""
    x = POINT.clone().requires_grad_()
    assert torch.autograd.gradcheck(node, x)
    assert torch.autograd.gradgradcheck(node, x)


def test_torch_func(node, mixed_node):
    """jacrev, jacfwd, hessian, vmap and jvp of a QNode agree with default.mixed."""
    expected = torch.autograd.functional.jacobian(mixed_node, POINT)
    for jacobian in (torch.func.jacrev, torch.func.jacfwd):
        torch.testing.assert_close(jacobian(node)(POINT), expected, rtol=0, atol=1e-10)
    tangent = torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64)
    value, image = torch.func.jvp(node, (POINT,), (tangent,))
    torch.testing.assert_close(value, mixed_node(POINT), rtol=0, atol=1e-10)
    torch.testing.assert_close(image, expected @ tangent, rtol=0, atol=1e-10)
    points = POINTS.T
    each = torch.stack([node(point) for point in points])
    torch.testing.assert_close(torch.func.vmap(node)(points), each, rtol=0, atol=1e-12)
    weights = torch.arange(4.0, dtype=torch.float64)
    gradients = torch.func.vmap(torch.func.grad(lambda x: node(x) @ weights))(points)
    rows = [torch.func.grad(lambda x: node(x) @ weights)(point) for point in points]
    torch.testing.assert_close(gradients, torch.stack(rows), rtol=0, atol=1e-12)
    hessians = [
        torch.func.hessian(lambda x: node(x) @ weights)(POINT),
        torch.func.jacfwd(torch.func.jacfwd(lambda x: node(x) @ weights))(POINT),
        torch.func.jacrev(torch.func.jacrev(lambda x: node(x) @ weights))(POINT),
    ]
    second = torch.autograd.functional.hessian(lambda x: mixed_node(x) @ weights, POINT)
    for hessian in hessians:
        torch.testing.assert_close(hessian, second, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", ["backprop", "device"])
def test_retained_graph(method):
    """A retained graph gives the same gradient twice."""
    node = qml.QNode(tilted, mixed_device(2), interface="torch", diff_method=method)
    x = POINT.clone().requires_grad_()
    result = node(x)
    weights = torch.arange(4.0, dtype=torch.float64)
    first = torch.autograd.grad(result, x, weights, retain_graph=True)[0]
    second = torch.autograd.grad(result, x, weights, retain_graph=True)[0]
    assert torch.equal(first, second)
    (result @ weights).backward()
    torch.testing.assert_close(x.grad, first, rtol=0, atol=1e-14)
    assert first.abs().max() > 1e-2


@pytest.mark.parametrize("method", ["backprop", "device", "parameter-shift"])
def test_single_precision_parameters(method):
    """Gradients of float32 parameters are float32, so that models in single precision train."""

    def circuit(x):
        qml.RX(x[0], 0)
        qml.CNOT([0, 1])
        qml.Rot(x[1], x[2], x[0], 1)
        qml.DepolarizingChannel(0.1, 0)
        return qml.expval(qml.Z(0) @ qml.Z(1))

    gradients = {}
    for dtype in (torch.float32, torch.float64):
        x = POINT.clone().to(dtype).requires_grad_()
        node = qml.QNode(circuit, mixed_device(2), interface="torch", diff_method=method)
        node(x).backward()
        assert x.grad.dtype == dtype
        gradients[dtype] = x.grad.double()
    torch.testing.assert_close(*gradients.values(), rtol=0, atol=1e-5)


MEASURED = {
    "expval": lambda: qml.expval(qml.Z(0) @ qml.X(1)),
    "hermitian": lambda: qml.expval(qml.Hermitian(np.eye(2) + 0.2, 0)),
    "probs": lambda: qml.probs(wires=[1]),
    "several": lambda: (qml.var(qml.Y(0)), qml.purity([0])),
}


@pytest.mark.parametrize("method", ["planned", "kernels"])
@pytest.mark.parametrize("readout_prob", [None, 0.1])
@pytest.mark.parametrize("name", MEASURED)
def test_what_is_made_inside_a_transform_serves_outside(name, readout_prob, method):
    """Whether torch.func or a plain call comes first, both give the same."""

    def total(node, x):
        results = node(x)
        return sum(r.sum() for r in (results if isinstance(results, tuple) else (results,)))

    found = []
    for first in ("hessian", "value"):
        readout = {} if readout_prob is None else {"readout_prob": readout_prob}
        device = qml.device("qizgloria.mixed", wires=2, method=method, **readout)

        @qml.qnode(device, interface="torch", diff_method="backprop")
        def node(x, again=first == "hessian"):
            qml.RX(x[0], 0)
            if again:  # a structure of its own
                qml.RZ(0.0, 1)
            qml.CNOT([0, 1])
            qml.Rot(x[1], x[2], x[0], 1)
            qml.AmplitudeDamping(0.3, 0)
            return MEASURED[name]()

        calls = [
            lambda node=node: torch.func.hessian(lambda x: total(node, x))(POINT),
            lambda node=node: total(node, POINT),
        ]
        results = [call() for call in (calls if first == "hessian" else calls[::-1])]
        found.append(results if first == "hessian" else results[::-1])
        calls[0]()
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("method", ["planned", "kernels"])
@pytest.mark.parametrize("value", [1.0, 0.7])
def test_trained_coefficients(method, value):
    """Coefficients of observables have the same gradients by autograd and by torch.func."""

    @qml.qnode(qml.device("qizgloria.mixed", wires=2, method=method), diff_method="backprop")
    def node(x, h):
        qml.RX(x[0], 0)
        qml.RY(x[1], 1)
        qml.CNOT([0, 1])
        matrix = torch.stack([torch.stack([h[0], h[1]]), torch.stack([h[1], -h[0]])])
        return (
            qml.expval(qml.Hamiltonian(h, [qml.Z(0), qml.X(1) @ qml.Z(0)])),
            qml.expval(qml.Hermitian(matrix, 0)),
            qml.var(h[0] * qml.Z(0) + h[1] * qml.X(0)),
        )

    def total(x, h):
        return sum(node(x, h))

    h = torch.full((2,), value, dtype=torch.float64)
    leaves = [POINT.clone().requires_grad_(), h.clone().requires_grad_()]
    expected = torch.autograd.grad(total(*leaves), leaves)
    assert expected[1].abs().min() > 0.1
    torch.testing.assert_close(torch.func.grad(total, (0, 1))(POINT, h), expected)
    torch.testing.assert_close(torch.func.jacrev(total, 1)(POINT, h), expected[1])
    torch.testing.assert_close(torch.func.jacfwd(total, 1)(POINT, h), expected[1])
