"""Angles and strengths on `qizgloria.qiskit`: real ones of any dtype, and what is refused."""

import re

import numpy as np
import pennylane as qml
import pytest
import torch

NAMES = {
    "RX": lambda x: qml.RX(x, wires=1),
    "Rot": lambda x: qml.Rot(0.1, x, 0.2, wires=1),
    "U3": lambda x: qml.U3(0.1, 0.2, x, wires=1),
    "PauliRot": lambda x: qml.PauliRot(x, "XY", wires=[1, 2]),
    "IsingXY": lambda x: qml.IsingXY(x, wires=[1, 2]),
    "MultiRZ": lambda x: qml.MultiRZ(x, wires=[0, 1, 2]),
    "DoubleExcitation": lambda x: qml.DoubleExcitation(x, wires=[0, 1, 2, 3]),
    "CRX": lambda x: qml.ctrl(qml.RX(x, wires=1), 0),
    "CRot": lambda x: qml.CRot(0.1, 0.2, x, wires=[0, 1]),
    "Adjoint(RX)": lambda x: qml.adjoint(qml.RX(x, wires=1), lazy=True),
    "AmplitudeDamping": lambda x: qml.AmplitudeDamping(x, wires=1),
    "BitFlip": lambda x: qml.BitFlip(x, wires=1),
    "DepolarizingChannel": lambda x: qml.DepolarizingChannel(x, wires=1),
    "GeneralizedAmplitudeDamping": lambda x: qml.GeneralizedAmplitudeDamping(x, 0.2, wires=1),
    "PhaseDamping": lambda x: qml.PhaseDamping(x, wires=1),
    "ResetError": lambda x: qml.ResetError(x, 0.2, wires=1),
    "ThermalRelaxationError": lambda x: qml.ThermalRelaxationError(x, 1.5, 1.2, 0.3, wires=1),
}
CHANNELS = [name for name, make in NAMES.items() if isinstance(make(0.1), qml.operation.Channel)]
REAL = {
    "python": 0.4 + 0j,
    "numpy": np.complex128(0.4),
    "numpy array": np.array(0.4 + 0j),
    "numpy, single": np.complex64(0.4),
    "torch": torch.tensor(0.4 + 0j, dtype=torch.complex128),
    "torch, single": torch.tensor(0.4 + 0j),
    "float32": np.float32(0.4),
    "torch float32": torch.tensor(0.4),
    "float16": np.float16(0.4),
}
REFUSED = [
    (np.zeros(0), r"got the shape \(0,\)"),
    (np.zeros((2, 2)), r"got the shape \(2, 2\)"),
    (torch.zeros((1, 2)), r"got the shape \(1, 2\)"),
    (1j, "a real number is needed, got 1j"),
    (np.complex128(0.1 + 0.2j), r"a real number is needed, got \(0.1\+0.2j\)"),
    (torch.tensor(0.25 + 0.5j), r"a real number is needed, got \(0.25\+0.5j\)"),
    (torch.tensor([0.1 + 0.2j, 0.3]), "a real number is needed"),
    (None, "a real number is needed, got None"),
    ("a", "a real number is needed, got .*'a'"),
]


@pytest.fixture
def device():
    return qml.device("qizgloria.qiskit", wires=4, backend="aer", seed=1)


def circuit(device, *makes, **options):
    """The expectation value of Z(1) after operations, which are made when it is called."""

    @qml.qnode(device, **options)
    def node():
        qml.RY(0.3, 1)
        qml.Hadamard(0)
        for make in makes:
            make()
        return qml.expval(qml.Z(1))

    return node


@pytest.mark.parametrize("library", REAL)
@pytest.mark.parametrize("name", NAMES)
def test_real_numbers_of_any_dtype(name, library, device):
    """A real number of a complex dtype, or in lower precision, is that number."""
    value = REAL[library]
    plain = float(np.real(qml.math.toarray(value)))
    found = circuit(device, lambda: NAMES[name](value))()
    expected = circuit(qml.device("default.mixed", wires=4), lambda: NAMES[name](plain))()
    np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.complex128, torch.complex128], ids=["numpy", "torch"])
def test_batches_and_templates(dtype, device):
    """Batches of numbers, and what a template hands to its gates, are read alike."""
    angles = np.array([0.4, 0.7])
    given = torch.tensor(angles, dtype=dtype) if isinstance(dtype, torch.dtype) else angles + 0j
    exact = qml.device("default.qubit", wires=4)
    for make in (
        lambda x: qml.RX(x, 1),
        lambda x: qml.MultiRZ(x, [0, 1]),
        lambda x: qml.AngleEmbedding(x, [0, 1]),
    ):
        found = circuit(device, lambda make=make: make(given))()
        expected = circuit(exact, lambda make=make: make(angles))()
        np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_parameters_that_are_no_numbers(name, value, message, device):
    """Device, operation and value are named, and what is expected."""
    node = circuit(device, lambda: NAMES[name](value))
    expected = rf"(?s)^qizgloria.qiskit: {re.escape(name)}\(.*\) on wires \[.*: .*{message}"
    with pytest.raises(ValueError, match=expected):
        node()


def test_imaginary_part_in_a_template(device):
    """A template's gate is named."""
    node = circuit(device, lambda: qml.AngleEmbedding([0.1, 0.4 + 0.1j], [0, 1]))
    with pytest.raises(ValueError, match=r"qizgloria.qiskit: RX\(.*0\.4\+0\.1j.* on wires \[1\]"):
        node()


@pytest.mark.parametrize("shots", [None, 100])
@pytest.mark.parametrize("value", [-0.1, 1.2, np.nan])
@pytest.mark.parametrize("name", CHANNELS)
def test_strengths_out_of_range(name, value, shots, device):
    """The range is said, not that a batch should be taken apart."""
    node = qml.set_shots(circuit(device, lambda: NAMES[name](value)), shots)
    expected = rf"^qizgloria.qiskit: {name}\(.*{value}.*\) on wires \[1\]: .*must be in \[0, 1\]"
    with pytest.raises(ValueError, match=expected):
        node()


@pytest.mark.parametrize("sizes", [(1, 3), (3, 1), (2, 3)])
def test_batch_sizes_of_one_operation(sizes, device):
    """Two batches in one operation have one size."""
    first, second = (np.full(n, 0.1) for n in sizes)
    message = "qizgloria.qiskit: .*must have one size, got " + re.escape(str(sorted(sizes)))
    for make in (
        lambda: qml.GeneralizedAmplitudeDamping(first, second, wires=0),
        lambda: qml.Rot(first, second, 0.1, wires=0),
    ):
        with pytest.raises(ValueError, match=message):
            circuit(device, make)()


def test_gradient_by_a_complex_parameter(device):
    """Torch differentiates by the real part."""
    x = torch.tensor(0.4 + 0j, dtype=torch.complex128, requires_grad=True)

    @qml.qnode(device, interface="torch", diff_method="parameter-shift")
    def node(x):
        qml.RX(x, 0)
        return qml.expval(qml.Z(0))

    (gradient,) = torch.autograd.grad(node(x), x)
    np.testing.assert_allclose(gradient.resolve_conj().numpy(), -np.sin(0.4), atol=1e-7)


def random_state(seed, num_wires):
    rng = np.random.default_rng(seed)
    state = rng.normal(size=2**num_wires) + 1j * rng.normal(size=2**num_wires)
    return state / np.linalg.norm(state)


@pytest.mark.parametrize(
    "convert",
    [
        lambda s: s.astype(np.complex64),
        lambda s: np.abs(s).astype(np.float32),
        lambda s: torch.tensor(s, dtype=torch.complex64),
        lambda s: torch.tensor(np.abs(s), dtype=torch.float32),
    ],
    ids=["complex64", "float32", "torch complex64", "torch float32"],
)
@pytest.mark.parametrize("seed", range(3))
def test_states_in_single_precision(convert, seed, device):
    """Random states in single precision are of norm 1, as far as that goes."""
    state = convert(random_state(seed, 2))
    double = np.asarray(state, dtype=complex)
    double = double / np.linalg.norm(double)
    for kind in (qml.StatePrep, qml.AmplitudeEmbedding):

        def run(device, state, kind=kind):
            @qml.qnode(device)
            def node():
                kind(state, [0, 1])
                qml.RX(0.3, 0)
                qml.CNOT([0, 1])
                return qml.probs([0, 1])

            return node()

        expected = run(qml.device("default.qubit", wires=2), double)
        np.testing.assert_allclose(run(device, state), expected, atol=1e-6)
