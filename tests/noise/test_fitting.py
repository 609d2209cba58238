"""Fitting noise to counts of a backend whose strengths and readout errors are known."""

import json

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.derivatives import five_point_derivative
from helpers.twins import aer_probabilities, scaled_noise
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from pennylane_qizgloria.noise.fisher_information import scores
from pennylane_qizgloria.noise.fit_problem import fit_problem
from pennylane_qizgloria.noise.fitted import FittedNoise
from pennylane_qizgloria.noise.fitting import fit_noise
from pennylane_qizgloria.noise.noise_files import load_noise, save_noise
from pennylane_qizgloria.noise.sources import noise_of

WIRES = 4


def twin(noise="fake_manila", **options):
    return qml.device(
        "qizgloria.mixed", wires=WIRES, noise_model=noise, seed=5, seed_transpiler=3, **options
    )


def circuit(seed, num_wires=WIRES, layers=3):
    angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, (layers, num_wires, 3))

    def function():
        for layer in angles:
            for wire, own in enumerate(layer):
                qml.Rot(*own, wires=wire)
            for wire in range(num_wires - 1):
                qml.CNOT([wire, wire + 1])
        return qml.counts(wires=range(num_wires))

    return function


def loss_of(problem, theta, numbers):
    """The mean negative logarithm of the likelihood of some circuits' counts."""
    pairs = zip(numbers, problem.probabilities(theta, numbers), strict=True)
    total = sum(problem.counts[number].sum() for number in numbers)
    return -sum(problem.counts[number] @ p.log() for number, p in pairs) / total


def wrong_by_a_fifth(seed):
    """The noise of a backend whose strengths and readout errors are all wrong by 20 %."""
    rng, base = np.random.default_rng(seed), noise_of("fake_manila")
    factors = [0.8, 1.2]
    strengths = {own: float(rng.choice(factors)) for own in base.instructions()}
    readouts = {
        qubit: tuple(float(rng.choice(factors)) * p for p in base.readout(qubit))
        for qubit in range(base.num_qubits)
    }
    return FittedNoise(base, strengths, readouts)


def counted(circuits, noise, shots):
    device = twin(noise)
    return [qml.set_shots(qml.QNode(own, device), shots)() for own in circuits]


def test_a_fit_finds_the_noise():
    """What is held out is described much better, and the true values lie within the errors."""
    circuits, truth = [circuit(seed) for seed in range(12)], wrong_by_a_fifth(1)
    fit = fit_noise(twin(), circuits, counted(circuits, truth, 300_000), progress=False)
    assert fit.converged
    assert fit.evaluations <= 32
    assert fit.hellinger_after < 0.35 * fit.hellinger_before
    for (name, qubits), strength in fit.noise.strengths.items():
        own = next(x for x in fit.parameters if x.name == f"{name}({', '.join(map(str, qubits))})")
        assert own.value == pytest.approx(strength)
        distance = abs(strength - truth.strengths[name, qubits])
        assert np.isnan(own.error) or distance < 5 * own.error
    joining = [own for own in fit.parameters if own.name.startswith("cx")]
    assert joining
    assert not any(np.isnan(own.error) for own in joining)
    for qubit, pair in fit.noise.readouts.items():
        np.testing.assert_allclose(pair, truth.readouts[qubit], atol=0.005)
    assert f"{fit.evaluations} evaluations\n" in repr(fit)


def test_a_fit_from_far_off():
    """Twice the noise is found within its errors, of strengths that the circuits tell."""
    circuits = [circuit(seed) for seed in range(6)]
    base = noise_of("fake_manila")
    truth = FittedNoise(base, dict.fromkeys(base.instructions(), 2.0), {})
    fit = fit_noise(twin(), circuits, counted(circuits, truth, 200_000), tie="gate", progress=False)
    assert fit.converged
    strengths = [own for own in fit.parameters if not own.name.startswith("p(")]
    assert {own.name for own in strengths} >= {"cx", "sx"}
    assert all(abs(own.value - 2) < 5 * own.error for own in strengths)
    assert next(own for own in strengths if own.name == "cx").error < 0.1


def test_the_distance_before():
    """It is that of the twin's own noise, whatever its strengths are tied to."""
    base = noise_of("fake_manila")
    noise = FittedNoise(base, {("cx", (0, 1)): 1.5, ("cx", (1, 2)): 6.0}, {0: (0.0, 0.0)})
    circuits = [circuit(seed, layers=1) for seed in range(3)]
    counts = counted(circuits, noise, 200_000)
    fit = fit_noise(twin(noise), circuits, counts, tie="gate", progress=False)
    exact = qml.execute(
        [qml.tape.QuantumScript(qml.tape.make_qscript(circuits[2])().operations, [qml.probs()])],
        twin(noise),
    )[0]
    frequencies = np.array([counts[2].get(f"{i:04b}", 0) for i in range(16)]) / 200_000
    expected = np.sqrt(((np.sqrt(exact) - np.sqrt(frequencies)) ** 2).sum() / 2)
    assert fit.hellinger_before == pytest.approx(expected)
    assert fit.hellinger_after > 2 * fit.hellinger_before


def test_no_noise_at_all():
    """Errors that the counts do not show go to 0, and a warning says so."""

    def nothing():
        return qml.counts(wires=[0])

    device = qml.device("qizgloria.mixed", wires=1, noise_model="fake_manila")
    with pytest.warns(UserWarning, match=r"p\(1\|0\) of qubit 0 may as well be 0; the"):
        fit = fit_noise(device, [nothing] * 3, [{"0": 1000}] * 3, progress=False)
    assert fit.converged
    assert fit.parameters[0].value < 1e-4


def test_a_fit_that_has_not_converged():
    """Too few evaluations are said, in a warning and in the result."""
    circuits = [circuit(seed, layers=1) for seed in range(3)]
    counts = counted(circuits, wrong_by_a_fifth(2), 100_000)
    with pytest.warns(UserWarning, match="not converged after 2 evaluations"):
        fit = fit_noise(twin(), circuits, counts, max_evaluations=2, progress=False)
    assert (fit.evaluations, fit.converged) == (2, False)
    assert "2 evaluations, not converged\n" in repr(fit)
    assert fit.losses[1] < fit.losses[0]


def test_the_gradient_of_the_loss():
    """The gradient by all strengths and readout errors is that of differences of Aer's."""
    circuits = [circuit(seed, layers=1) for seed in range(2)]
    counts = counted(circuits, wrong_by_a_fifth(0), 1000)
    device, backend = twin(), FakeManilaV2()
    problem = fit_problem(device, circuits, counts, "instruction", True)
    theta = problem.start().requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of(problem, theta, [0]), theta)

    def expected(own):
        """The loss by Aer's probabilities."""
        noise, counted = problem.noise(torch.as_tensor(own)), problem.counts[0].numpy()
        strengths = {key: float(value) for key, value in noise.strengths.items()}
        pairs = [noise.readout(qubit) for qubit in range(noise.num_qubits)]
        pairs = [pair and tuple(map(float, pair)) for pair in pairs]
        placed, angles = device._twin.placed(problem.tapes[0])
        model = scaled_noise(backend, placed.noisy.noisy, 1.0, strengths)
        logarithms = np.log(aer_probabilities(device, angles, model, pairs))
        return -counted @ logarithms / counted.sum()

    start = problem.start().numpy()
    assert loss_of(problem, theta, [0]).item() == pytest.approx(expected(start), abs=1e-8)
    difference = five_point_derivative(expected, start, step=1e-2)
    assert np.median(np.abs(difference)) > 1e-5
    np.testing.assert_allclose(gradient, difference, rtol=1e-5, atol=1e-8)


def test_the_fisher_information():
    """It is the second derivative of the loss where counts are as the noise has it."""
    circuits = [circuit(seed, layers=1) for seed in range(2)]
    counts = counted(circuits, noise_of("fake_manila"), 100)
    problem = fit_problem(twin(), circuits, counts, "gate", True)
    theta = problem.start()
    exact = [100 * p.detach() for p in problem.probabilities(theta, [0, 1])]
    object.__setattr__(problem, "counts", tuple(exact))
    hessian = torch.autograd.functional.hessian(lambda own: loss_of(problem, own, [0, 1]), theta)
    _, _, found = scores(problem, theta, [0, 1])
    np.testing.assert_allclose(found, 200 * hessian, atol=1e-6 * float(hessian.abs().max()) * 200)


def test_the_score():
    """It is the gradient of the logarithm of the likelihood, which is that of the loss."""
    circuits = [circuit(seed, layers=1) for seed in range(2)]
    counts = counted(circuits, wrong_by_a_fifth(4), 1000)
    problem = fit_problem(twin(), circuits, counts, "instruction", True)
    theta = problem.start().requires_grad_()
    loss = loss_of(problem, theta, [0, 1])
    (gradient,) = torch.autograd.grad(loss, theta)
    value, score, _ = scores(problem, theta, [0, 1])
    assert value == pytest.approx(-2000 * loss.item())
    np.testing.assert_allclose(score, -2000 * gradient, atol=1e-8 * float(score.abs().max()))


@pytest.mark.parametrize(("tie", "strengths"), [("gate", {"cx", "sx"}), ("all", {"all gates"})])
def test_tied_strengths(tie, strengths):
    """Strengths that are tied are one parameter, and have one value."""
    circuits = [circuit(seed, layers=1) for seed in range(4)]
    counts = counted(circuits, "fake_manila", 2000)
    fit = fit_noise(
        twin(), circuits, counts, tie=tie, readout=False, max_evaluations=3, progress=False
    )
    assert {own.name for own in fit.parameters} <= strengths | {"x"}
    by_name = {}
    for (name, _), value in fit.noise.strengths.items():
        by_name.setdefault(name if tie == "gate" else "", set()).add(value)
    assert all(len(values) == 1 for values in by_name.values())
    assert not fit.noise.readouts


def test_what_circuits_do_not_tell_apart():
    """Noise that has one and the same effect is named in a warning, and has no error."""

    def flipped():
        qml.X(0)
        return qml.counts(wires=[0])

    def nothing():
        return qml.counts(wires=[0])

    circuits = [flipped, nothing, flipped]
    device = qml.device("qizgloria.mixed", wires=1, noise_model="fake_manila", seed=1)
    counts = [qml.set_shots(qml.QNode(own, device), 1000)() for own in circuits]
    with pytest.warns(UserWarning, match=r"(do not tell apart|too little about) .*x\(0\)"):
        fit = fit_noise(device, circuits, counts, max_evaluations=3, progress=False)
    own = next(x for x in fit.parameters if x.name == "x(0)")
    assert np.isnan(own.error)


def test_a_fit_starts_from_the_scale_of_the_twin():
    """Counts of a twin at scale 2 are those that a twin at scale 2 expects."""
    circuits = [circuit(seed, layers=1) for seed in range(4)]
    device = twin(noise_scale=2.0)
    counts = [qml.set_shots(qml.QNode(own, device), 50_000)() for own in circuits]
    before = [
        fit_noise(own, circuits, counts, max_evaluations=1, progress=False).hellinger_before
        for own in (twin(noise_scale=2.0), twin())
    ]
    assert before[0] < 0.5 * before[1]
    with pytest.raises(ValueError, match="a number above 0"):
        fit_noise(twin(noise_scale=0.0), circuits, counts)


def test_counts_of_a_qnode_are_in_the_order_of_its_own_wires():
    """A QNode that measures everything has outcomes in the order of its device's wires."""
    source = qml.device(
        "qizgloria.mixed", wires=3, noise_model="fake_manila", seed=1, initial_layout=[0, 1, 2]
    )
    reverse = qml.device(
        "qizgloria.mixed", wires=[2, 1, 0], noise_model="fake_manila", initial_layout=[2, 1, 0]
    )

    def prepared(wire):
        return qml.QNode(lambda: [qml.X(wire), qml.counts()][1], source)

    circuits = [prepared(wire) for wire in (0, 1, 2, 0)]
    counts = [qml.set_shots(own, 20_000)() for own in circuits]
    fit = fit_noise(reverse, circuits, counts, max_evaluations=1, progress=False)
    assert fit.hellinger_before < 0.02


def test_a_fit_from_the_ends_of_the_ranges():
    """Strengths of 0 and readout errors of 1 at the start have finite values."""
    base = noise_of("fake_manila")
    noise = FittedNoise(base, {("cx", (0, 1)): 0.0}, {0: (1.0, 0.0)})
    circuits = [circuit(seed, layers=1) for seed in range(2)]
    counts = [{"0000": 10}, {"0000": 10}]
    problem = fit_problem(twin(noise), circuits, counts, "instruction", True)
    assert torch.isfinite(problem.start()).all()


def test_saved_and_loaded(tmp_path):
    """A file gives the same noise, for the source that it belongs to only."""
    truth = wrong_by_a_fifth(3)
    save_noise(truth, tmp_path / "noise.json")
    again = load_noise(tmp_path / "noise.json", "fake_manila")
    assert (again.strengths, again.readouts) == (truth.strengths, truth.readouts)
    tape = qml.tape.make_qscript(circuit(1))()
    tape = qml.tape.QuantumScript(tape.operations, [qml.probs(wires=range(WIRES))])
    first, second = (qml.execute([tape], twin(noise))[0] for noise in (truth, again))
    np.testing.assert_array_equal(first, second)
    with pytest.raises(ValueError, match="of fake_manila, not of fake_lagos"):
        load_noise(tmp_path / "noise.json", "fake_lagos")


@pytest.mark.parametrize("content", ["{", json.dumps({"format": "another"}), "[]"])
def test_other_files(tmp_path, content):
    """A file that is none of these is refused by name."""
    (tmp_path / "noise.json").write_text(content)
    with pytest.raises(ValueError, match=r"noise\.json is no"):
        load_noise(tmp_path / "noise.json", "fake_manila")


def midway():
    qml.measure(0)
    return qml.counts(wires=[0])


def elsewhere():
    return qml.counts(wires=[0, 7])


def batch():
    qml.RX(np.array([0.1, 0.2]), 0)
    return qml.counts(wires=range(WIRES))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"device": qml.device("qizgloria.mixed", wires=4)}, TypeError, "with the noise_model"),
        ({"counts": [{"0000": 1}]}, ValueError, "2 circuits and 1 counts"),
        ({"counts": [{"000": 1}, {"0000": 1}]}, ValueError, "circuit 0 have '000'"),
        ({"counts": [{}, {"0000": 1}]}, ValueError, "circuit 0 are empty"),
        (
            {"counts": [np.ones(16), {"0000": 1}]},
            TypeError,
            r"circuit 0 are no dict .*, but a ndarray",
        ),
        ({"tie": "qubit"}, ValueError, "tie must be"),
        ({"max_evaluations": 0}, ValueError, "max_evaluations must be a whole number, at least 1"),
        ({"held_out": 1.5}, ValueError, "a share between 0 and 1"),
        ({"held_out": [0, 1]}, ValueError, "some to fit and some to hold"),
        ({"circuits": [3, 4]}, TypeError, "QNodes, quantum functions and tapes"),
        ({"circuits": [midway] * 2}, ValueError, "circuit 0 measures wire 0 before its end"),
        ({"circuits": [circuit(0), elsewhere]}, ValueError, r"circuit 1 measures the wires \[7\]"),
        ({"circuits": [batch] * 2}, ValueError, "circuit 0 is a batch of 2"),
        ({"counts": [{"0000": 0.1}] * 2}, ValueError, "'0000': 0.1; .* whole numbers of shots"),
        ({"counts": [{"0000": float("nan")}] * 2}, ValueError, "whole numbers of shots"),
        ({"counts": [{"0000": "3"}] * 2}, ValueError, "whole numbers of shots"),
        ({"tie": None}, ValueError, "tie must be a function or one of"),
        ({"tie": lambda name: name}, TypeError, "tie takes the name and the qubits"),
        ({"tie": lambda name, qubits: [name]}, TypeError, "returns something hashable"),
        ({"held_out": None}, TypeError, "a share or the numbers of the circuits"),
        ({"held_out": [0.5]}, ValueError, "some to fit and some to hold"),
        ({"max_evaluations": 2.5}, ValueError, "max_evaluations must be a whole number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input(change, error, message):
    """What cannot be fitted is refused with what is expected."""
    given = {"circuits": [circuit(0), circuit(1)], "counts": [{"0000": 1}, {"0000": 1}]}
    given |= {"device": twin(), "progress": False, **change}
    with pytest.raises(error, match=message):
        fit_noise(given.pop("device"), given.pop("circuits"), given.pop("counts"), **given)
