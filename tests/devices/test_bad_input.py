"""Bad input is refused with a message that names what was given, and the device works on."""

from __future__ import annotations

import types

import numpy as np
import pennylane as qml
import psutil
import pytest
import torch
from pennylane.exceptions import DeviceError, QuantumFunctionError, WireError

NAN, INF = np.nan, np.inf


@pytest.fixture
def device(make_device):
    """A device that must give the right result after whatever a test has done to it."""
    own = make_device(3, seed=1)
    yield own
    tape = qml.tape.QuantumScript([qml.RX(0.5, 0), qml.BitFlip(0.1, 0)], [qml.expval(qml.Z(0))])
    (value,) = qml.execute([tape], own, diff_method=None)
    assert abs(value - 0.8 * np.cos(0.5)) < 1e-12


def z():
    return [qml.expval(qml.Z(0))]


# --- wires ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operations", "measurements", "named"),
    [
        ([qml.X(7)], z(), "7"),
        ([qml.X(0)], [qml.expval(qml.Z(7))], "7"),
        ([qml.X(0)], [qml.probs(wires=["a"])], "'a'"),
        ([qml.BitFlip(0.1, wires="b")], z(), "'b'"),
    ],
)
def test_unknown_wires(operations, measurements, named, device, run):
    """A circuit would run on wires that the device does not have."""
    with pytest.raises(WireError, match=rf"qizgloria.mixed as .* not found .*\{{{named}\}}"):
        run(device, operations, measurements)


# --- options of the device ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (-0.1, ValueError, r"must be in the range \[0,1\], got -0.1"),
        ({0: 1.2}, ValueError, r"of wire 0 must be in the range \[0,1\], got 1.2"),
        ("0.1", TypeError, "is '0.1' of type str; it must be a float p, a pair"),
        (True, TypeError, "is True of type bool"),
        (object(), TypeError, "of type object"),
        ([0.1, 0.2, 0.3], ValueError, r"shape \(3,\); it must be"),
        ([np.eye(2)] * 2, ValueError, "2 confusion matrices for 3 wires"),
        ({5: 0.1}, ValueError, r"wires \[5\], but the device has \[0, 1, 2\]"),
    ],
    ids=["negative", "above 1", "str", "bool", "object", "length", "matrices", "wire"],
)
def test_readout_error(given, error, message, make_device):
    """A readout error would be taken for another one."""
    with pytest.raises(error, match=message):
        make_device(3, readout_prob=given)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"r_dtype": np.float16}, "float16"),
        ({"r_dtype": torch.bfloat16}, "bfloat16"),
        ({"r_dtype": int}, "int64"),
        ({"c_dtype": np.complex256}, "complex256"),
    ],
    ids=str,
)
def test_unknown_precision(options, named, make_device):
    """A simulation would run in a precision that nobody has tested."""
    with pytest.raises(ValueError, match=f"single or double precision, not in {named}: r_dtype is"):
        make_device(1, **options)


@pytest.mark.parametrize("value", ["banana", 3, object()], ids=["banana", "3", "object"])
def test_precision_that_is_none(value, make_device):
    """The user would be told that numpy does not understand, and not what would be understood."""
    with pytest.raises((TypeError, ValueError), match="r_dtype is float32 or float64"):
        make_device(1, r_dtype=value)


def test_two_precisions(make_device):
    """One of two contradicting dtypes would win silently."""
    with pytest.raises(ValueError, match="of one precision, got float64 and complex64"):
        make_device(1, r_dtype=np.float64, c_dtype=np.complex64)


def test_unknown_option(device):
    """A misspelt option would be ignored."""
    config = qml.devices.ExecutionConfig(device_options={"r_type": np.float32})
    with pytest.raises(DeviceError, match=r"qizgloria.mixed has no device option 'r_type'; it has"):
        device.setup_execution_config(config)


@pytest.mark.parametrize("value", [torch.float16, "float128", np.int64], ids=str)
def test_option_with_a_bad_value(value, device):
    """A precision for one call would be taken without the checks that the device makes."""
    config = qml.devices.ExecutionConfig(device_options={"r_dtype": value})
    with pytest.raises(ValueError, match="single or double precision"):
        device.execute(
            qml.tape.QuantumScript([qml.RX(0.1, 0)], z()), device.setup_execution_config(config)
        )


@pytest.mark.parametrize("value", [torch.float32, np.float32, "float32"], ids=str)
def test_option_with_a_good_value(value, device):
    """A precision that the device takes would be refused for one call."""
    config = device.setup_execution_config(
        qml.devices.ExecutionConfig(device_options={"r_dtype": value})
    )
    result = device.execute(qml.tape.QuantumScript([qml.RX(0.1, 0)], z()), config)
    assert result.dtype == np.float32


@pytest.mark.parametrize("method", ["one-shot", "tree-traversal"])
@pytest.mark.parametrize("shots", [None, 10])
def test_method_for_mid_circuit_measurements(method, shots, device):
    """Mid-circuit measurements would be deferred although the user wants something else."""

    @qml.set_shots(shots)
    @qml.qnode(device, mcm_method=method)
    def circuit():
        return qml.expval(qml.measure(0))

    with pytest.raises(DeviceError, match=f"mixed defers mid-circuit .* mcm_method='{method}'"):
        circuit()


def test_postselection(device):
    """A postselected circuit would run without the postselection."""

    @qml.qnode(device)
    def circuit():
        qml.Hadamard(0)
        return qml.expval(qml.measure(0, postselect=1))

    with pytest.raises((DeviceError, ValueError), match=r"(?i)postselection is not"):
        circuit()


@pytest.mark.parametrize("method", ["backprop", "adjoint", "device"])
def test_exact_gradients_of_shots(method, device):
    """A gradient of samples would be 0, or that of another, exact circuit."""

    @qml.set_shots(10)
    @qml.qnode(device, diff_method=method)
    def circuit(x):
        qml.RX(x, wires=0)
        return qml.expval(qml.Z(0))

    with pytest.raises(QuantumFunctionError, match=f"qizgloria.mixed .* not support {method}"):
        circuit(torch.tensor(0.1, requires_grad=True))


@pytest.mark.parametrize("value", [0, -1])
def test_memory_budget(value, make_device):
    """A budget that is none would be ignored, or fail at the first gradient."""
    with pytest.raises((TypeError, ValueError), match=f"memory_budget.*{value!r}"):
        make_device(1, memory_budget=value)


# --- strengths of channels ------------------------------------------------------------------------

CHANNELS = {
    "AmplitudeDamping": (qml.AmplitudeDamping, (0.1,)),
    "BitFlip": (qml.BitFlip, (0.1,)),
    "DepolarizingChannel": (qml.DepolarizingChannel, (0.1,)),
    "GeneralizedAmplitudeDamping": (qml.GeneralizedAmplitudeDamping, (0.1, 0.2)),
    "PhaseDamping": (qml.PhaseDamping, (0.1,)),
    "PhaseFlip": (qml.PhaseFlip, (0.1,)),
    "ResetError": (qml.ResetError, (0.1, 0.2)),
    "ThermalRelaxationError": (qml.ThermalRelaxationError, (0.1, 1.5, 1.2, 0.3)),
}
PROBABILITIES = [
    (name, position)
    for name, (_, strengths) in CHANNELS.items()
    for position in range(1 if name == "ThermalRelaxationError" else len(strengths))
]
LIBRARIES = {
    "python": float,
    "numpy": np.array,
    "numpy batch": lambda p: np.array([0.1, p]),
    "torch": lambda p: torch.tensor(p, dtype=torch.float64, requires_grad=True),
    "torch batch": lambda p: torch.tensor([0.1, p], dtype=torch.float64),
}


@pytest.mark.parametrize("value", [-0.1, 1.1, NAN, INF])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("name", "position"), PROBABILITIES)
def test_strength_out_of_range(name, position, library, value, device, run):
    """A map that is no channel would give a state that is none."""
    kind, strengths = CHANNELS[name]
    strengths = list(strengths)
    strengths[position] = LIBRARIES[library](value)
    with pytest.raises(ValueError, match=rf"{name}\(.*{value}.*\) on wires \[1\]: .* in \[0, 1\]"):
        run(device, [qml.RX(0.1, 1), kind(*strengths, wires=1)], [qml.expval(qml.Z(1))])


@pytest.mark.parametrize(
    "times",
    [(-1.0, 1.0, 0.1), (1.0, -1.0, 0.1), (1.0, 2.5, 0.1), (1.0, 1.0, -0.1), (NAN, 1.0, 1.0)],
)
@pytest.mark.parametrize("convert", [float, torch.tensor])
def test_relaxation_times(times, convert, device, run):
    """Times that no qubit has would give a state that is none."""
    channel = qml.ThermalRelaxationError(0.1, *map(convert, times), wires=1)
    with pytest.raises(
        ValueError, match=r"ThermalRelaxationError\(.*\) on wires \[1\]: .*t2 at most"
    ):
        run(device, [channel], [qml.expval(qml.Z(1))])


def test_sum_of_reset_probabilities(device, run):
    """Two probabilities in range would add up to more than 1."""
    with pytest.raises(ValueError, match=r"ResetError\(0.6, 0.7\) on wires \[0\]: .* p_0 \+ p_1"):
        run(device, [qml.ResetError(0.6, 0.7, wires=0)], z())


@pytest.mark.parametrize("value", [-0.1, 1.1, NAN])
def test_pauli_error(value, device, run):
    """A probability that is none would be accepted. (PennyLane's operator refuses it itself.)"""
    with pytest.raises(ValueError, match=r"p must be in the interval \[0,1\]"):
        run(device, [qml.PauliError("XY", value, wires=[0, 1])], z())


# --- parameters that are not finite ---------------------------------------------------------------

GATES = {
    "RX": lambda x: qml.RX(x, wires=1),
    "Rot": lambda x: qml.Rot(0.1, x, 0.2, wires=1),
    "U2": lambda x: qml.U2(0.1, x, wires=1),
    "U3": lambda x: qml.U3(0.1, 0.2, x, wires=1),
    "PhaseShift": lambda x: qml.PhaseShift(x, wires=1),
    "CRot": lambda x: qml.CRot(0.1, 0.2, x, wires=[1, 2]),
    "IsingXY": lambda x: qml.IsingXY(x, wires=[1, 2]),
    "MultiRZ": lambda x: qml.MultiRZ(x, wires=[0, 1, 2]),
    "PauliRot": lambda x: qml.PauliRot(x, "XY", wires=[1, 2]),
    "SingleExcitation": lambda x: qml.SingleExcitation(x, wires=[1, 2]),
}


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", GATES)
def test_parameter_that_is_not_finite(name, library, value, device, run):
    """One NaN would make a whole training run NaN, and nobody would know where from."""
    gate = GATES[name](LIBRARIES[library](value))
    with pytest.raises(ValueError, match=rf"{name}\(.*{value}.*\) on wires .*must be finite"):
        run(device, [gate], [qml.expval(qml.Z(1))])


def test_not_finite_without_effect_on_the_result(device, run):
    """A NaN would be found or not, depending on what is measured."""
    with pytest.raises(ValueError, match=r"RX\(nan\) on wires \[2\]"):
        run(device, [qml.RX(NAN, wires=2)], z())


def test_message_has_the_parameters_as_the_user_gave_them(device, run):
    """The message would show the order, and the constants, of the gate's decomposition."""
    with pytest.raises(ValueError, match=r"U3\(0.1, 0.2, nan\) on wires \[0\]"):
        run(device, [qml.U3(0.1, 0.2, NAN, wires=0)], z())
    with pytest.raises(ValueError, match=r"U2\(0.1, nan\) on wires \[0\]"):
        run(device, [qml.U2(0.1, NAN, wires=0)], z())


# --- matrices and states --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: qml.QubitUnitary(np.diag([1, 2]), wires=1), r"QubitUnitary on wires \[1\] is not"),
        (
            lambda: qml.QubitUnitary(np.stack([np.eye(2), 2 * np.eye(2)]), wires=1),
            r"QubitUnitary on wires \[1\] is not unitary.*off the identity by 3",
        ),
        (
            lambda: qml.QubitUnitary(torch.eye(2) * 2, wires=1),
            r"QubitUnitary on wires \[1\] is not unitary",
        ),
        (lambda: qml.QubitUnitary(np.diag([1, NAN]), wires=1), "QubitUnitary on wires"),
        (
            lambda: qml.QubitUnitary((1 + 3e-6) * np.eye(2), wires=1),
            r"QubitUnitary on wires \[1\] is not unitary.*by 6e-06",
        ),
        (
            lambda: qml.QubitChannel([(1 + 3e-6) * np.eye(2)], wires=1),
            r"QubitChannel on wires \[1\] is not trace preserving.*by 6e-06",
        ),
        # These PennyLane refuses itself.
        (lambda: qml.QubitChannel([np.eye(2)] * 2, wires=1), "Only trace preserving channels"),
        (lambda: qml.DiagonalQubitUnitary(np.array([1, 2.0]), wires=1), "must be unitary"),
    ],
)
def test_matrices(make, message, device, run):
    """A map that is no channel would give a state that is none."""
    with pytest.raises(ValueError, match=message):
        run(device, [make()], z())


def test_wide_unitary(make_device, run):
    """Wide matrices, which are applied in another way, would not be checked."""
    with pytest.raises(ValueError, match=r"QubitUnitary on wires .* is not unitary"):
        run(make_device(4), [qml.QubitUnitary(2 * np.eye(16), wires=range(4))], z())


@pytest.mark.parametrize("convert", [np.array, torch.tensor])
@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0.5, 1.0], [0.0, 0.5]], "it is not Hermitian"),
        ([[1.5, 0.0], [0.0, -0.5]], "negative eigenvalue -0.5"),
        ([[1.0, 0.0], [0.0, 1.0]], "trace 1, got 2.0"),
        ([[[0.5, 0.0], [0.0, 0.5]], [[1.0, 0.0], [0.0, 1.0]]], "trace 1, got"),
        (np.eye(4) / 4, r"shape \(2, 2\), got \(4, 4\)"),
        ([1.0, 0.0], r"shape \(2, 2\), got \(2,\)"),
    ],
    ids=["hermitian", "positive", "trace", "trace in a batch", "size", "vector"],
)
def test_density_matrices(matrix, message, convert, device, run):
    """A circuit would start in a state that is none."""
    operation = qml.QubitDensityMatrix(convert(matrix), wires=[1])
    with pytest.raises(ValueError, match=rf"QubitDensityMatrix on wires \[1\].*{message}"):
        run(device, [operation], [qml.expval(qml.Z(1))])


def test_density_matrix_that_is_not_finite(device, run):
    """A NaN would be reported as a matrix that is not Hermitian."""
    operation = qml.QubitDensityMatrix(np.diag([1, NAN]), wires=[1])
    with pytest.raises(ValueError, match=r"QubitDensityMatrix on wires \[1\].*finite"):
        run(device, [operation], [qml.expval(qml.Z(1))])


@pytest.mark.parametrize("vector", [[1.0, 1.0], [1.0, NAN], [0.0, 0.0]], ids=str)
def test_state_vectors(vector, device, run):
    """A circuit would start in a state that is none."""
    operation = qml.StatePrep(np.array(vector), wires=[1], validate_norm=False)
    with pytest.raises(
        ValueError, match=r"StatePrep on wires \[1\] must hold a state of squared norm 1"
    ):
        run(device, [operation], [qml.expval(qml.Z(1))])


def test_batch_sizes(device, run):
    """Batches that do not fit would be broadcast against each other, or fail deep in torch."""
    operations = [qml.RX(np.array([0.1, 0.2]), 0), qml.BitFlip(torch.tensor([0.1, 0.2, 0.3]), 0)]
    with pytest.raises(ValueError, match=r"must have one batch size, got \[2, 3\]"):
        run(device, operations, z())


# --- memory ---------------------------------------------------------------------------------------


def entangle(num_wires):
    return [qml.RX(0.1, wires=0), *(qml.CNOT(wires=[w, w + 1]) for w in range(num_wires - 1))]


def test_state_that_does_not_fit(make_device, run):
    """The process would be killed, with everything that its user has not saved."""
    device = make_device(40)
    with pytest.raises(MemoryError, match=r"40 wires in float64 needs .* GiB .* GiB are free on"):
        run(device, entangle(40), [qml.probs(wires=range(40))])
    assert run(device, entangle(3), [qml.expval(qml.Z(39))])[0] == 1


@pytest.fixture
def _little_memory(monkeypatch):
    memory = types.SimpleNamespace(available=2**23, total=2**35)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


@pytest.mark.usefixtures("_little_memory")
def test_state_that_does_not_fit_now(make_device, run):
    """Memory that others use would be counted as free."""
    device = make_device(12)
    with pytest.raises(MemoryError, match=r"12 wires in float64 needs 0.25 GiB"):
        run(device, entangle(12), [qml.probs(wires=range(12))])
    assert abs(run(device, entangle(6), [qml.expval(qml.Z(5))])[0] - np.cos(0.1)) < 1e-12


@pytest.mark.usefixtures("_little_memory")
def test_batch_that_does_not_fit(make_device, run):
    """The memory of a batch would be taken for that of one state."""
    operations = [qml.RX(np.linspace(0, 1, 1000), wires=0), *entangle(8)]
    with pytest.raises(MemoryError, match="for each of 1000 states"):
        run(make_device(8), operations, [qml.probs()])


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize(
    ("make", "shots"),
    [
        (lambda: qml.probs(wires=range(21)), None),
        (lambda: qml.density_matrix(wires=range(10)), None),
        (lambda: qml.purity(wires=range(11)), None),
        (lambda: qml.vn_entropy(wires=range(10)), None),
        (lambda: qml.sample(wires=range(21)), 10),
        (lambda: qml.counts(wires=range(21)), 10),
    ],
    ids=["probs", "density matrix", "purity", "entropy", "sample", "counts"],
)
def test_result_that_does_not_fit(make, shots, make_device, run):
    """A small state with a large result would have the process killed: here all but one of the
    measured wires are idle, and cost nothing until they are measured together."""
    with pytest.raises(MemoryError, match="GiB are free on"):
        run(make_device(21), [qml.X(0)], [make()], shots)


# --- what the device does not do ------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: qml.state(),
        lambda: qml.density_matrix(wires=0),
        lambda: qml.purity(wires=[0]),
        lambda: qml.vn_entropy(wires=[0]),
        lambda: qml.mutual_info(wires0=[0], wires1=[1]),
    ],
)
def test_states_from_shots(make, device, run):
    """A state would be given as if shots could tell it."""
    with pytest.raises(DeviceError, match=r"not accepted with finite shots on qizgloria.mixed"):
        run(device, [qml.X(0)], [make()], shots=10)


@pytest.mark.parametrize(
    "make",
    [
        lambda: qml.sample(),
        lambda: qml.counts(wires=0),
        lambda: qml.classical_shadow(wires=[0]),
        lambda: qml.shadow_expval(qml.Z(0)),
    ],
)
def test_samples_without_shots(make, device, run):
    """Samples would be drawn in a number that nobody asked for."""
    with pytest.raises(
        DeviceError, match=r"not accepted for analytic simulation on qizgloria.mixed"
    ):
        run(device, [qml.X(0)], [make()])


class Opaque(qml.operation.Operation):
    """An operation of which nothing is known."""

    num_wires = 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: qml.TShift(0),
        lambda: qml.TRX(0.1, wires=0),
        lambda: qml.Displacement(0.1, 0.2, wires=0),
        lambda: Opaque(wires=0),
    ],
)
def test_unsupported_operation(make, device, run):
    """An operation would be left out, or fail without its name."""
    op = make()
    with pytest.raises(DeviceError, match=rf"{op.name}.* not supported with qizgloria.mixed and"):
        run(device, [op], z())


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: qml.GellMann(0, 1), "GellMann1"),
        (lambda: qml.NumberOperator(0), "NumberOperator"),
        (lambda: qml.S(0), r"S\(0\)"),
        (lambda: qml.prod(qml.X(0), qml.S(1)), r"X\(0\) @ S\(1\)"),
    ],
)
def test_unsupported_observable(make, named, device, run):
    """An observable would be measured as another one."""
    with pytest.raises(DeviceError, match=f"Observable {named}.* not supported on qizgloria.mixed"):
        run(device, [qml.X(0)], [qml.expval(make())])


@pytest.mark.parametrize("shots", [None, 10])
@pytest.mark.parametrize(
    "make",
    [
        lambda: qml.s_prod(1j, qml.Z(0)),
        lambda: qml.prod(qml.X(0), qml.Z(0)),
        lambda: qml.Hermitian(np.array([[0.0, 1.0], [0.0, 0.0]]), wires=0),
    ],
    ids=["scalar", "product", "matrix"],
)
def test_observable_that_is_not_hermitian(make, shots, device, run):
    """A result would be the real part of something, without a word."""
    with pytest.raises((DeviceError, ValueError), match=r"(?i)not hermitian"):
        run(device, [qml.RX(0.3, 0)], [qml.expval(make())], shots)


def test_unsupported_measurement(device, run):
    """A measurement that the device does not know would fail without its name."""

    class Transform(qml.measurements.MeasurementTransform):
        """A measurement process that wants to run the tape itself."""

        def process(self, tape, device):
            raise AssertionError("unreachable")

        def __repr__(self):
            return "mystery"

    with pytest.raises(DeviceError, match=r"mystery not accepted .* on qizgloria.mixed"):
        run(device, [qml.X(0)], [Transform()])
