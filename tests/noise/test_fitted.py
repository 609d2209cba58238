"""Which strengths and readout errors fitted noise takes."""

from math import inf, nan

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    RelaxationNoisePass,
    coherent_unitary_error,
    depolarizing_error,
    pauli_error,
)

from pennylane_qizgloria import TorchLayer
from pennylane_qizgloria.noise.fitted import FittedNoise
from pennylane_qizgloria.noise.sources import noise_of

CX = ("cx", (0, 1))


@pytest.fixture(scope="module")
def base():
    return noise_of("fake_manila")


def as_number(value):
    return value


def as_tensor(value):
    return torch.tensor(value, dtype=torch.float64)


def as_parameter(value):
    return as_tensor(value).requires_grad_()


FORMS = [as_number, as_tensor, as_parameter]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrong", [-0.1, nan, inf])
def test_strengths_out_of_range(base, form, wrong):
    """A strength is finite and at least 0, and its instruction is named."""
    with pytest.raises(ValueError, match=rf"strength of cx\(0, 1\) is .*{wrong}.* at least 0"):
        FittedNoise(base, {("x", (0,)): 1.0, CX: form(wrong)}, {})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrong", [-0.1, 1.1, nan])
@pytest.mark.parametrize("place", [0, 1])
def test_readout_errors_out_of_range(base, form, wrong, place):
    """A readout error is a pair of probabilities, and its qubit is named."""
    pair = tuple(form(wrong) if place == number else 0.1 for number in range(2))
    title = rf"p\({1 - place}\|{place}\) of qubit 2 is .*{wrong}.* from 0 to 1"
    with pytest.raises(ValueError, match=title):
        FittedNoise(base, {}, {2: pair})


def test_computed_tensors(base):
    """What is computed, as in a fit, has the same ranges, and nothing may have overflowed."""
    x = torch.tensor([800.0, 0.0, -1.0], dtype=torch.float64, requires_grad=True)
    assert FittedNoise(base, {CX: x[1].exp()}, {0: (x[1].sigmoid(), 0.1)}).is_trained
    for wrong in (x[0].exp(), 2 * x[2]):
        with pytest.raises(ValueError, match="strength of cx"):
            FittedNoise(base, {CX: wrong}, {})


def test_tensors_of_several_numbers(base):
    """A strength or a readout error is one number: a batch is one of noise_scale."""
    several = torch.tensor([0.1, 0.4], dtype=torch.float64)
    for strengths, readouts in (({CX: several}, {}), ({}, {0: (several, 0.1)})):
        with pytest.raises(TypeError, match="a number or a torch tensor of one real"):
            FittedNoise(base, strengths, readouts)


def test_values_under_vmap(base):
    """Inside torch.func.vmap a tensor has no value to look at, and is taken."""
    strengths = torch.tensor([0.5, 2.0], dtype=torch.float64)
    found = torch.func.vmap(lambda own: 2 * FittedNoise(base, {CX: own}, {}).strengths[CX])(
        strengths
    )
    assert torch.equal(found, 2 * strengths)


@pytest.mark.parametrize(
    ("strengths", "error", "message"),
    [
        ({"cx": 2.0}, TypeError, r"name and qubits of an instruction, .*; got 'cx'"),
        ({("cx", 0): 2.0}, TypeError, r"got \('cx', 0\)"),
        ({("cx", (0, 1.0)): 2.0}, TypeError, r"got \('cx', \(0, 1\.0\)\)"),
        ({(3, (0, 1)): 2.0}, TypeError, r"got \(3, \(0, 1\)\)"),
        ({("cx", (0, 1), 2): 2.0}, TypeError, "got"),
        ({("cx", (0, 9)): 2.0}, ValueError, r"fake_manila has no noise of cx\(0, 9\)"),
        ({("cx", (0, 2)): 2.0}, ValueError, r"fake_manila has no noise of cx\(0, 2\)"),
        ({("CX", (0, 1)): 2.0}, ValueError, r"fake_manila has no noise of CX\(0, 1\)"),
        ({("measure", (0,)): 2.0}, ValueError, r"no noise of measure\(0\)"),
        ({("delay", (9,)): 2.0}, ValueError, r"no noise of delay\(9\)"),
        (
            {CX: "2"},
            TypeError,
            r"strength of cx\(0, 1\) must be a number or a torch tensor .* '2'",
        ),
        ({CX: None}, TypeError, r"strength of cx\(0, 1\) must be a number"),
        ({CX: True}, TypeError, r"strength of cx\(0, 1\) must be a number"),
        ({CX: np.ones(2)}, TypeError, r"strength of cx\(0, 1\) must be a number"),
        ({CX: torch.tensor([1j])}, TypeError, r"strength of cx\(0, 1\) must be .* real"),
    ],
)
def test_strengths_that_do_not_fit(base, strengths, error, message):
    """A strength that would have no effect, or is none, is refused with what was expected."""
    with pytest.raises(error, match=message):
        FittedNoise(base, strengths, {})


@pytest.mark.parametrize(
    ("readouts", "error", "message"),
    [
        ({5: (0.1, 0.1)}, ValueError, r"fake_manila has no qubit 5; its qubits are 0 to 4"),
        ({-1: (0.1, 0.1)}, ValueError, r"fake_manila has no qubit -1"),
        ({"0": (0.1, 0.1)}, TypeError, r"number of a qubit; got '0'"),
        ({0.5: (0.1, 0.1)}, TypeError, r"number of a qubit; got 0\.5"),
        ({0: 0.1}, TypeError, r"qubit 0 must be a pair .*p\(1\|0\), p\(0\|1\).*, got 0\.1"),
        ({0: (0.1, 0.1, 0.1)}, TypeError, r"qubit 0 must be a pair"),
        ({0: "ab"}, TypeError, r"p\(1\|0\) of qubit 0 must be a number or a torch tensor"),
    ],
)
def test_readout_errors_that_do_not_fit(base, readouts, error, message):
    """A readout error of no qubit, or none, is refused with what was expected."""
    with pytest.raises(error, match=message):
        FittedNoise(base, {}, readouts)


def test_a_base_of_another_kind():
    """A source is no noise yet, and what makes noise of it is said."""
    with pytest.raises(TypeError, match=r"noise_of\(source\).*got 'fake_manila'"):
        FittedNoise("fake_manila", {}, {})


def test_channels_without_a_logarithm():
    """They are mixed with the identity, by strengths up to 1."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.8), ("I", 0.2)]), ["x"])
    base = noise_of(model)
    FittedNoise(base, {("x", (7,)): 1.0}, {})
    with pytest.raises(
        ValueError, match=r"strength of x\(0\) is 1\.5; .* from 0 to 1: .* logarithm"
    ):
        FittedNoise(base, {("x", (0,)): 1.5}, {})
    with pytest.raises(ValueError, match=r"strength of x\(0\) is .*1\.5.* from 0 to 1"):
        FittedNoise(base, {("x", (0,)): torch.tensor(1.5)}, {})


def test_measurements_whose_noise_is_a_readout_error():
    """A strength of it would have no effect; one of noise that turns the basis has."""
    flips, turns = NoiseModel(), NoiseModel()
    flips.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["measure"])
    turns.add_all_qubit_quantum_error(
        coherent_unitary_error(qml.matrix(qml.RY(0.4, 0))), ["measure"]
    )
    with pytest.raises(ValueError, match=r"measure\(0\) is part of the readout error.*readouts"):
        FittedNoise(noise_of(flips), {("measure", (0,)): 2.0}, {})
    fitted = FittedNoise(noise_of(turns), {("measure", (0,)): 2.0}, {})
    device = qml.device("qizgloria.mixed", wires=1, noise_model=fitted)
    found = qml.QNode(lambda: [qml.X(0), qml.expval(qml.Z(0))][1], device)()
    assert found == pytest.approx(-np.cos(0.8))


def test_delays_have_strengths(base):
    """The relaxation of qubits that wait has a strength, which scheduled circuits show."""
    strengths = {("delay", (number,)): 3.0 for number in range(5)}

    def value(noise):
        device = qml.device(
            "qizgloria.mixed",
            wires=3,
            noise_model=noise,
            scheduling_method="alap",
            initial_layout=[0, 1, 2],
        )

        @qml.qnode(device)
        def circuit():
            qml.X(0)
            qml.CNOT([1, 2])
            qml.CNOT([0, 1])
            qml.CNOT([1, 2])
            return qml.probs(wires=range(3))

        return circuit()

    assert np.abs(value(FittedNoise(base, strengths, {})) - value(base)).max() > 1e-4


def test_sources_without_a_number_of_qubits():
    """An Aer noise model has noise of any qubit, and readout errors where it has none so far."""
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    model._custom_noise_passes.append(RelaxationNoisePass([1e-4] * 2, [1e-4] * 2))
    noise = FittedNoise(noise_of(model), {("delay", (1,)): 2.0}, {200: (0.1, 0.1)})
    assert noise.readout(200) == (0.1, 0.1)
    assert noise.readout(0) == pytest.approx((0.1, 0.2))
    with pytest.raises(ValueError, match="no qubit -1"):
        FittedNoise(noise_of(model), {}, {-1: (0.1, 0.1)})


def test_numbers_become_floats(base):
    """Whole numbers and numpy's are floats, and qubits are Python's numbers."""
    strengths = {("cx", tuple(np.array([0, 1]))): 2, ("x", (0,)): np.float32(0.5)}
    noise = FittedNoise(base, strengths, {np.int64(1): np.array([0, 1])})
    assert noise.strengths == {CX: 2.0, ("x", (0,)): 0.5}
    assert noise.readouts == {1: (0.0, 1.0)}
    kinds = [type(own) for own in [*noise.strengths.values(), *noise.readouts[1]]]
    assert kinds == [float] * 4
    assert not noise.is_trained


def test_fitted_noise_of_fitted_noise(base):
    """What is left out is that of the noise before, not that of the source."""
    first = FittedNoise(base, {CX: 2.0, ("x", (0,)): 3.0}, {0: (0.3, 0.2), 1: (0.2, 0.2)})
    second = FittedNoise(first, {CX: 0.5}, {0: (0.1, 0.1)})
    assert second.base is base
    assert second.strengths == {CX: 0.5, ("x", (0,)): 3.0}
    assert second.readouts == {0: (0.1, 0.1), 1: (0.2, 0.2)}
    assert first.strengths[CX] == 2.0


@pytest.mark.parametrize("which", ["strength", "readout"])
def test_tensors_that_are_written_to(base, which):
    """Trained tensors are looked at again in each call, and named."""
    number = torch.tensor(0.5, dtype=torch.float64)
    noise = FittedNoise(
        base,
        {("cx", (0, 1)): number} if which == "strength" else {},
        {0: (number, 0.1)} if which == "readout" else {},
    )
    device = qml.device("qizgloria.mixed", wires=2, noise_model=noise, initial_layout=[0, 1])
    qnode = qml.QNode(lambda: [qml.CNOT([0, 1]), qml.expval(qml.Z(0))][1], device)
    qnode()
    number.fill_(-0.5)
    title = r"strength of cx\(0, 1\)" if which == "strength" else r"p\(1\|0\) of qubit 0"
    with pytest.raises(ValueError, match=rf"qizgloria\.mixed: .*{title} is -0\.5"):
        qnode()


def test_layers_with_trained_noise_are_traced(base):
    """Strengths and readout errors have their gradients through traces, and are followed."""
    strength, error = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.5, 0.1))
    noise = FittedNoise(base, {("cx", (0, 1)): strength}, {1: (error, 0.05)})
    device = qml.device("qizgloria.mixed", wires=2, noise_model=noise, initial_layout=[0, 1])

    @qml.qnode(device)
    def qnode(inputs, weights):
        qml.RX(inputs[..., 0], 0)
        qml.RX(weights[0], 1)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1))

    layer, inputs = TorchLayer(qnode, {"weights": (1,)}), torch.rand(4, 1).double()
    for _ in range(60):
        layer(inputs).sum().backward()
    assert layer.is_traced
    with torch.no_grad():
        strength.fill_(2.0)
        error.fill_(0.3)
    found, expected = layer(inputs), qnode(inputs, layer.weights)
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        *(torch.autograd.grad(own.sum(), [strength, error]) for own in (found, expected)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
    with torch.no_grad():
        strength.fill_(-1.0)
    with pytest.raises(ValueError, match=r"strength of cx\(0, 1\) is -1"):
        layer(inputs)
