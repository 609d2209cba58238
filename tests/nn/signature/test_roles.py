"""Inputs and weights among a circuit's parameters."""

import warnings

import pytest
import torch
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit

from pennylane_qizgloria.nn.signature.roles import assign_roles, warn_of_unused

A, B = Parameter("a"), Parameter("b")
V = ParameterVector("v", 12)


def circuit_of(*parameters):
    circuit = QuantumCircuit(1)
    for parameter in parameters:
        circuit.rx(parameter, 0)
    return circuit


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (A, ["a"]),
        ("a", ["a"]),
        ([B, A], ["b", "a"]),
        (("b", A), ["b", "a"]),
        ([V[1], "a"], ["v[1]", "a"]),
        (V, [f"v[{i}]" for i in range(12)]),
        ("v", [f"v[{i}]" for i in range(12)]),
        ("v[2]", ["v[2]"]),
        ([B, ["v", [A]]], ["b", *(f"v[{i}]" for i in range(12)), "a"]),
    ],
    ids=str,
)
def test_parameters_are_named_in_every_way(inputs, names):
    """Parameters, names, vectors and nested lists of them are taken, in their order."""
    circuit = circuit_of(A, B, *V)
    rest = [p for p in circuit.parameters if p.name not in names]
    roles = assign_roles(circuit, inputs, rest)
    assert list(roles.inputs) == names
    assert list(roles.weights) == [p.name for p in rest]


def test_values_come_in_the_order_of_the_circuit():
    """Each value goes to the parameter of its column."""
    circuit = circuit_of(V[10], B, V[2], A)
    roles = assign_roles(circuit, [V[10], A], [B, V[2]])
    values = roles.values(torch.tensor([[1.0, 2.0]]), torch.tensor([3.0, 4.0]))
    named = {p.name: v.item() for p, v in zip(circuit.parameters, values, strict=True)}
    assert named == {"v[10]": 1.0, "a": 2.0, "b": 3.0, "v[2]": 4.0}


def test_parameters_that_are_not_used_keep_their_column():
    """Parameters that the circuit does not use count as inputs."""
    roles = assign_roles(circuit_of(V[1]), [A, V], None)
    assert len(roles.inputs) == 13
    assert roles.columns == (2,)


@pytest.mark.parametrize(
    ("inputs", "weights", "message"),
    [
        (A, None, r"\['b'\] are neither inputs nor weights"),
        ([A, A], B, r"named twice: \['a'\]"),
        ([A, B], A, r"named twice: \['a'\]"),
        ([A, "a"], B, r"named twice: \['a'\]"),
        ("c", [A, B], r"inputs names 'c', but the circuit's parameters are \['a', 'b'\]"),
        (Parameter("a"), B, r"\['a'\] are neither"),
    ],
)
def test_wrong_parameters_are_refused(inputs, weights, message):
    """Missing, repeated and unknown parameters are refused by name."""
    with pytest.raises(ValueError, match=message):
        assign_roles(circuit_of(A, B), inputs, weights)


def test_what_is_no_parameter_is_refused():
    """The error says which argument must be parameters."""
    with pytest.raises(TypeError, match="weights must be parameters"):
        assign_roles(circuit_of(A), A, 3)


@pytest.mark.parametrize(
    "given", [{A, B}, frozenset([A, B]), {A: 0, B: 1}], ids=["set", "frozenset", "dict"]
)
def test_parameters_without_an_order_are_refused(given):
    """Parameters in a set or a dict would be given the columns of others."""
    with pytest.raises(TypeError, match="inputs must name parameters in the order of the values"):
        assign_roles(circuit_of(A, B), given, None)


def test_unused_parameters_are_named():
    """One warning names the parameters that the circuit does not have."""
    circuit = QuantumCircuit(1)
    x, lost = ParameterVector("x", 2), Parameter("lost")
    circuit.ry(x[1], 0)
    roles = assign_roles(circuit, x, [lost])
    assert roles.unused == ("x[0]", "lost")
    with pytest.warns(
        UserWarning, match=r"does not have the parameters \['x\[0\]', 'lost'\]"
    ) as seen:
        warn_of_unused(roles, stacklevel=1)
    assert len(seen) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_unused(assign_roles(circuit, [x[1]], None), stacklevel=1)
