"""The first values of weights, and what is refused for them."""

import numpy as np
import pytest
import torch
from qiskit.circuit import Parameter, QuantumCircuit

from pennylane_qizgloria import TorchCircuit
from pennylane_qizgloria.nn.signature.weights import first_values


def make(**options):
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("w"), 0)
    return TorchCircuit(circuit, weights="w", observables="Z", **options)


def test_seeds_of_numpy_are_integers():
    """A seed from an array is the same as the number."""
    assert make(seed=np.int64(3)).weight == make(seed=3).weight != make(seed=4).weight
    assert make(seed=np.int64(3)).seed == 3


def test_without_a_seed_the_values_differ():
    """Each draw goes on in torch's own stream."""
    values = first_values(None, None, 4)
    assert not torch.equal(values.values(), values.values())
    assert values.values().abs().max() <= 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"seed": "x"},
            TypeError,
            "The seed of a circuit's weights is an integer or None, got 'x'",
        ),
        ({"seed": 1.5}, TypeError, "integer or None, got 1.5"),
        ({"seed": True}, TypeError, "integer or None, got True"),
        ({"seed": [1]}, TypeError, r"integer or None, got \[1\]"),
        ({"seed": 2**64}, ValueError, r"from -2\*\*63 to 2\*\*64 - 1, not 18446744073709551616"),
        ({"initial_weights": "x"}, TypeError, "initial weights are real numbers, got 'x'"),
        ({"initial_weights": [1j]}, TypeError, r"initial weights are real numbers, got \[1j\]"),
        ({"initial_weights": [0.1, 0.2]}, ValueError, "has 1 initial weights, but 2 were given"),
        ({"initial_weights": [np.inf]}, ValueError, "must be finite"),
        (
            {"dtype": "float32"},
            TypeError,
            "one of torch's, such as torch.float64, .* got 'float32'",
        ),
        ({"dtype": np.float64}, TypeError, "one of torch's"),
        ({"dtype": torch.int64}, ValueError, "dtype cannot be torch.int64"),
        ({"shots": [10, 20]}, ValueError, r"one number for each circuit, got \[10, 20\]"),
        ({"shots": (10, 10)}, ValueError, "one number for each circuit"),
        ({"max_diff": 0}, ValueError, "1 or more; got 0"),
        ({"max_diff": "2"}, ValueError, "1 or more; got '2'"),
        ({"gradient_kwargs": 3}, TypeError, "gradient_kwargs maps names to values, .* got 3"),
        ({"device_options": "aer"}, TypeError, "device_options maps names to values, .* got 'aer'"),
    ],
)
def test_options_of_the_wrong_kind_are_refused(options, error, message):
    """The error names the option, its value and what was expected."""
    with pytest.raises(error, match=message):
        make(**options)
