"""Running tapes: engines, types and shapes of results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.circuits import circuit_angles, noisy_circuit
from helpers.execution import execute
from pennylane.tape import QuantumScript

from pennylane_qizgloria.engines import registry
from pennylane_qizgloria.engines.config import SimulationConfig
from pennylane_qizgloria.engines.exact import ExactEngine
from pennylane_qizgloria.engines.simulation import (
    as_numpy,
    exact_results,
    final_states,
    simulate,
    simulate_all,
)
from pennylane_qizgloria.lowering.circuit import lower
from pennylane_qizgloria.lowering.measurements.readout import confusion_model

CONFIG = SimulationConfig(torch.float64, None, np.random.default_rng(0), as_torch=False)
EXPVAL = qml.expval(qml.Z(0))


def tape_of(x, measurements=(EXPVAL,), shots=None):
    return QuantumScript(noisy_circuit(x), list(measurements), shots=shots)


def reference(x, measurements=(EXPVAL,)):
    return execute(qml.device("default.mixed", wires=4), noisy_circuit(x), list(measurements))


@pytest.mark.parametrize("batch", [None, 3, 1])
def test_results_agree_with_default_mixed(batch):
    """Results have the batch axis in front, element by element default.mixed's."""
    measurements = [EXPVAL, qml.probs(wires=[1, 2]), qml.density_matrix([2])]
    x = circuit_angles(batch)
    found = simulate(tape_of(x, measurements), CONFIG)
    assert isinstance(found, tuple)
    elements = [x] if batch is None else x.T
    expected = [reference(own, measurements) for own in elements]
    for own, theirs in zip(found, zip(*expected, strict=True), strict=True):
        np.testing.assert_allclose(own, theirs[0] if batch is None else theirs, atol=1e-10)


def test_tapes_of_several_structures():
    """Each tape gets its own results, in the order of the tapes."""
    tapes = [
        tape_of(circuit_angles()),
        QuantumScript([qml.X(0)], [qml.probs(wires=[0])]),
        tape_of(circuit_angles() + 1),
        tape_of(circuit_angles(2), [EXPVAL, qml.purity([0])]),
    ]
    first, second, third, fourth = simulate_all(tapes, CONFIG)
    assert first == pytest.approx(reference(circuit_angles()), abs=1e-10)
    np.testing.assert_allclose(second, [0, 1], atol=1e-14)
    assert third == pytest.approx(reference(circuit_angles() + 1), abs=1e-10)
    assert [np.shape(own) for own in fourth] == [(2,), (2,)]
    assert simulate_all([], CONFIG) == ()


def test_plain_results_are_numpys():
    """Numbers are numpy scalars and arrays, not tensors, where no parameter is torch's."""
    value, probabilities = simulate(tape_of(circuit_angles(), [EXPVAL, qml.probs(wires=0)]), CONFIG)
    assert type(value) is np.float64
    assert type(probabilities) is np.ndarray


@pytest.mark.parametrize("reason", ["parameter", "configuration"])
def test_torch_results(reason):
    """Results are tensors where a parameter is one, or the configuration says so."""
    x = circuit_angles()
    x = torch.tensor(x) if reason == "parameter" else x
    config = CONFIG if reason == "parameter" else replace(CONFIG, as_torch=True)
    found = simulate(tape_of(x), config)
    assert isinstance(found, torch.Tensor)
    assert found.shape == ()
    assert float(found) == pytest.approx(reference(circuit_angles()), abs=1e-10)


def test_parameters_that_nothing_depends_on_have_zero_gradients():
    """Dropped rotations and global phases have gradients, which are zero."""
    x, phase = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.3, 0.4))
    tape = QuantumScript(
        [qml.RX(x, 1), qml.GlobalPhase(phase, 0), qml.H(0)], [qml.expval(qml.X(0))]
    )
    value = simulate(tape, CONFIG)
    gradients = torch.autograd.grad(value, (x, phase))
    assert [float(own) for own in gradients] == [0, 0]
    assert float(value.detach()) == pytest.approx(1, abs=1e-12)


def test_no_graph_is_made_without_gradients():
    """Inside torch.no_grad the results have no graph."""
    x = torch.tensor(0.3, requires_grad=True)
    with torch.no_grad():
        assert not simulate(QuantumScript([qml.RX(x, 0)], [EXPVAL]), CONFIG).requires_grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_precision(dtype):
    """Results have the precision of the configuration."""
    config = replace(CONFIG, dtype=dtype)
    measurements = [EXPVAL, qml.density_matrix([0])]
    value, matrix = simulate(tape_of(circuit_angles(), measurements), config)
    assert torch.tensor(value).dtype == dtype
    assert torch.tensor(matrix).dtype == dtype.to_complex()


def test_readout_error():
    """The configuration's readout error acts on every wire that is measured."""
    config = replace(CONFIG, confusion=confusion_model((0.1, 0.3), None))
    found = simulate(tape_of(circuit_angles(), [qml.probs(wires=[0])]), config)
    confusion = np.array([[0.9, 0.1], [0.3, 0.7]])
    expected = reference(circuit_angles(), [qml.probs(wires=[0])]) @ confusion
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_shots():
    """Tapes with shots are sampled from the configuration's random numbers."""
    results = [
        simulate(
            tape_of(circuit_angles(), shots=1000), replace(CONFIG, random=np.random.default_rng(7))
        )
        for _ in range(2)
    ]
    assert results[0] == results[1]
    assert abs(results[0] - reference(circuit_angles())) < 5 / np.sqrt(1000)


def test_zero_is_added_to_all_results():
    """The zero that stands for unseen parameters reaches each result."""
    circuit = lower(tape_of(circuit_angles(), [EXPVAL, qml.probs(wires=0)]), torch.float64)
    (state,) = final_states([circuit], CONFIG)
    nothing = torch.zeros((), dtype=torch.float64, requires_grad=True)
    assert all(own.requires_grad for own in exact_results(circuit, state, nothing))
    assert not any(own.requires_grad for own in exact_results(circuit, state))


class Counting(ExactEngine):
    """The exact engine for circuits with an even number of operations, which counts its runs."""

    def __init__(self, name, parity):
        self.name, self.parity, self.runs = name, parity, []

    def why_not(self, circuit):
        odd = len(circuit.tape.operations) % 2 != self.parity
        return "the number of operations does not suit it." if odd else None

    def run(self, circuits, memory_budget):
        self.runs.append((len(circuits), memory_budget))
        return super().run(circuits, memory_budget)


def test_each_engine_runs_its_circuits_at_once(monkeypatch):
    """Circuits are shared out among engines, and results keep the order of the tapes."""
    even, odd = Counting("even", 0), Counting("odd", 1)
    monkeypatch.setattr(registry, "_ENGINES", {"even": even, "odd": odd})
    tapes = [QuantumScript([qml.RX(0.1, 0)] * count, [EXPVAL]) for count in (1, 2, 3, 5, 4)]
    found = simulate_all(tapes, replace(CONFIG, memory_budget=123))
    np.testing.assert_allclose(found, np.cos([0.1, 0.2, 0.3, 0.5, 0.4]), atol=1e-12)
    assert (even.runs, odd.runs) == ([(2, 123)], [(3, 123)])


def test_as_numpy():
    """Tensors become arrays, or numpy scalars without axes, graphs and conjugates resolved."""
    scalar = as_numpy(torch.tensor(0.5, requires_grad=True))
    assert type(scalar) is np.float32
    array = as_numpy(torch.tensor([1 + 2j]).conj())
    assert array.tolist() == [1 - 2j]
