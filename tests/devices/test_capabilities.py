"""What tomls/mixed.toml promises, checked entry by entry against what the device does."""

import numpy as np
import pennylane as qml
import pytest
from helpers.execution import execute
from pennylane.devices.capabilities import DeviceCapabilities, ExecutionCondition
from pennylane.exceptions import DeviceError
from pennylane.tape import QuantumScript

from pennylane_qizgloria.devices.mixed import QizgloriaMixed
from pennylane_qizgloria.lowering.operations.delay import Delay

CAPABILITIES = DeviceCapabilities.from_toml_file(QizgloriaMixed.config_filepath)
MODES = {None: ExecutionCondition.FINITE_SHOTS_ONLY, 50: ExecutionCondition.ANALYTIC_MODE_ONLY}
"""For each mode, the condition that excludes it."""

LABELS = ["a", 7, "b"]


def on_labels(kind, num_wires, *parameters):
    return lambda: kind(*parameters, wires=LABELS[:num_wires])


CONSTANT = {
    "PauliX": 1, "PauliY": 1, "PauliZ": 1, "Hadamard": 1, "S": 1, "T": 1, "SX": 1, "CNOT": 2,
    "CY": 2, "CZ": 2, "CH": 2, "SWAP": 2, "ISWAP": 2, "SISWAP": 2, "ECR": 2, "CCZ": 3, "CSWAP": 3,
    "Toffoli": 3, "QubitSum": 3, "MultiControlledX": 3, "Identity": 2, "Barrier": 2, "WireCut": 1,
}  # fmt: skip

ROTATIONS = {
    "RX": 1, "RY": 1, "RZ": 1, "PhaseShift": 1, "U1": 1, "ControlledPhaseShift": 2, "CRX": 2,
    "CRY": 2, "CRZ": 2, "CPhaseShift00": 2, "CPhaseShift01": 2, "CPhaseShift10": 2, "IsingXX": 2,
    "IsingXY": 2, "IsingYY": 2, "IsingZZ": 2, "PSWAP": 2, "FermionicSWAP": 2, "MultiRZ": 3,
    "SingleExcitation": 2, "SingleExcitationPlus": 2, "SingleExcitationMinus": 2, "GlobalPhase": 1,
    "AmplitudeDamping": 1, "PhaseDamping": 1, "DepolarizingChannel": 1, "BitFlip": 1,
    "PhaseFlip": 1,
}  # fmt: skip

OPERATIONS = (
    {name: on_labels(getattr(qml, name), k) for name, k in CONSTANT.items()}
    | {name: on_labels(getattr(qml, name), k, 0.3) for name, k in ROTATIONS.items()}
    | {
        "BasisState": on_labels(qml.BasisState, 3, [1, 0, 1]),
        "BlockEncode": on_labels(qml.BlockEncode, 2, 0.3 * np.eye(2)),
        "ControlledQubitUnitary": on_labels(qml.ControlledQubitUnitary, 2, np.diag([1, 1j])),
        "CRot": on_labels(qml.CRot, 2, 0.3, 0.4, 0.5),
        "Delay": on_labels(Delay, 1, 100, "ns"),
        "DiagonalQubitUnitary": on_labels(qml.DiagonalQubitUnitary, 1, np.array([1, 1j])),
        "GeneralizedAmplitudeDamping": on_labels(qml.GeneralizedAmplitudeDamping, 1, 0.2, 0.3),
        "PauliError": on_labels(qml.PauliError, 2, "XY", 0.2),
        "PauliRot": on_labels(qml.PauliRot, 3, 0.2, "XZY"),
        "PCPhase": lambda: qml.PCPhase(0.2, dim=3, wires=LABELS[:2]),
        "QubitChannel": on_labels(
            qml.QubitChannel, 1, [np.sqrt(0.8) * np.eye(2), np.sqrt(0.2) * np.eye(2)[::-1]]
        ),
        "QubitDensityMatrix": on_labels(qml.QubitDensityMatrix, 1, np.diag([0.3, 0.7])),
        "QubitUnitary": on_labels(qml.QubitUnitary, 2, np.roll(np.eye(4), 1, axis=0)),
        "ResetError": on_labels(qml.ResetError, 1, 0.2, 0.3),
        "Rot": on_labels(qml.Rot, 1, 0.2, 0.3, 0.4),
        "Snapshot": lambda: qml.Snapshot(),
        "SpecialUnitary": on_labels(qml.SpecialUnitary, 1, np.array([0.1, 0.2, 0.3])),
        "StatePrep": on_labels(qml.StatePrep, 2, np.full(4, 0.5)),
        "ThermalRelaxationError": on_labels(qml.ThermalRelaxationError, 1, 0.1, 1.0, 1.2, 0.3),
        "U2": on_labels(qml.U2, 1, 0.2, 0.3),
        "U3": on_labels(qml.U3, 1, 0.2, 0.3, 0.4),
    }
)

OBSERVABLES = {
    "Hadamard": lambda: qml.H(7),
    "Hermitian": lambda: qml.Hermitian(np.diag([1.0, 2, 3, 4]), ["b", "a"]),
    "Identity": lambda: qml.Identity("a"),
    "LinearCombination": lambda: qml.Hamiltonian([0.3, 0.4], [qml.X("a"), qml.Z(7) @ qml.Y("b")]),
    "PauliX": lambda: qml.X("b"),
    "PauliY": lambda: qml.Y("b"),
    "PauliZ": lambda: qml.Z("b"),
    "Prod": lambda: qml.prod(qml.X("a"), qml.H("b")),
    "Projector": lambda: qml.Projector([1, 0], ["b", "a"]),
    "SparseHamiltonian": lambda: qml.SparseHamiltonian(
        qml.Hamiltonian([0.3], [qml.X("a")]).sparse_matrix(["a", 7]), ["a", 7]
    ),
    "SProd": lambda: 0.4 * qml.Y(7),
    "Sum": lambda: qml.sum(qml.X("a"), qml.H(7)),
}

PROCESSES = {
    "ClassicalShadowMP": lambda: qml.classical_shadow(LABELS),
    "CountsMP": lambda: qml.counts(wires=["b", "a"]),
    "DensityMatrixMP": lambda: qml.density_matrix(["b", "a"]),
    "ExpectationMP": lambda: qml.expval(qml.X("b")),
    "MutualInfoMP": lambda: qml.mutual_info(["a"], ["b"]),
    "NullMeasurement": lambda: qml.measurements.NullMeasurement(),
    "ProbabilityMP": lambda: qml.probs(["b", 7]),
    "PurityMP": lambda: qml.purity(["b"]),
    "SampleMP": lambda: qml.sample(wires=[7]),
    "ShadowExpvalMP": lambda: qml.shadow_expval(qml.X("a")),
    "StateMP": lambda: qml.state(),
    "VarianceMP": lambda: qml.var(qml.Y("a")),
    "VnEntropyMP": lambda: qml.vn_entropy(["a"]),
}

ELSEWHERE = {"ParametrizedEvolution"}
"""What needs JAX is tested with the interfaces."""


@pytest.fixture
def device():
    return qml.device("qizgloria.mixed", wires=LABELS, seed=3)


def start():
    """A mixed state without symmetries."""
    turns = [qml.Rot(0.3 + i, 0.8 - i, 0.4, wire) for i, wire in enumerate(LABELS)]
    return [*turns, qml.CNOT(["a", 7]), qml.CRX(0.7, [7, "b"]), qml.AmplitudeDamping(0.2, "a")]


def preprocessed(device, operations, measurements, shots=None):
    tape = QuantumScript(operations, measurements, shots=shots)
    (result,), _ = device.preprocess_transforms()((tape,))
    return result


# --- the file -------------------------------------------------------------------------------------


def test_device_reads_the_file(device):
    """The device decides by what the file says."""
    assert device.capabilities == CAPABILITIES


def test_every_entry_is_tested():
    """Every entry of the file has a test."""
    assert set(OPERATIONS) == set(CAPABILITIES.operations) - ELSEWHERE
    assert set(OBSERVABLES) == set(CAPABILITIES.observables)
    assert set(PROCESSES) == set(CAPABILITIES.measurement_processes)


# --- operations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPERATIONS)
def test_listed_operation_is_native(name, device):
    """A listed operation is not decomposed."""
    operation = OPERATIONS[name]()
    assert operation.name == name
    after = [] if name in {"BasisState", "StatePrep"} else start()
    tape = preprocessed(device, [*after, operation], [qml.expval(qml.Z("a"))])
    assert [op.name for op in tape.operations] == [op.name for op in [*after, operation]]
    result = device.execute(tape)
    assert -1 <= result <= 1


def properties(attribute):
    return [name for name, entry in CAPABILITIES.operations.items() if getattr(entry, attribute)]


@pytest.mark.parametrize(
    "name", [n for n in properties("invertible") if n not in {"Identity", "GlobalPhase", "Barrier"}]
)
def test_adjoint_of_invertible_operation_is_native(name, device):
    """The adjoint of an operation listed as invertible is not decomposed, and is right."""
    operation = OPERATIONS[name]()
    inverse = qml.ops.op_math.Adjoint(OPERATIONS[name]())
    tape = preprocessed(device, [*start(), operation, inverse], [qml.density_matrix(LABELS)])
    assert tape.operations[-1].name == f"Adjoint({name})"
    plain = preprocessed(device, start(), [qml.density_matrix(LABELS)])
    np.testing.assert_allclose(device.execute(tape), device.execute(plain), atol=1e-10)


@pytest.mark.parametrize("name", properties("controllable"))
def test_controlled_operation_is_native(name):
    """A controlled operation listed as controllable is not decomposed, and is right."""
    base = OPERATIONS[name]()
    device = qml.device("qizgloria.mixed", wires=[*LABELS, "control"])
    operation = qml.ops.op_math.Controlled(base, "control", control_values=[0])
    begin = [*start(), qml.RY(0.9, "control")]
    tape = preprocessed(device, [*begin, operation], [qml.density_matrix([*LABELS, "control"])])
    if len(base.wires) < 3:
        assert tape.operations[-1] is operation
    plain = preprocessed(device, begin, [qml.density_matrix([*LABELS, "control"])])
    wires = [*LABELS, "control"]
    matrix = qml.matrix(operation, wire_order=wires)
    expected = matrix @ device.execute(plain) @ matrix.conj().T
    np.testing.assert_allclose(device.execute(tape), expected, atol=1e-10)


def test_unlisted_operation_is_decomposed(device):
    """An operation that is not listed is decomposed."""
    tape = preprocessed(device, [qml.QFT(LABELS)], [qml.expval(qml.Z("a"))])
    assert len(tape.operations) > 1
    assert {op.name for op in tape.operations} <= set(CAPABILITIES.operations)


# --- observables and measurements -----------------------------------------------------------------


@pytest.mark.parametrize("shots", MODES)
@pytest.mark.parametrize("name", OBSERVABLES)
def test_listed_observable(name, shots, device):
    """A listed observable runs where its conditions allow it, and is refused elsewhere."""
    observable = OBSERVABLES[name]()
    assert observable.name == name
    measured = [qml.expval(observable)]
    if MODES[shots] in CAPABILITIES.observables[name].conditions:
        with pytest.raises(DeviceError, match=r"qizgloria\.mixed"):
            execute(device, start(), measured, shots=shots)
        return
    result = execute(device, start(), measured, shots=shots)
    mixed = qml.device("default.mixed", wires=LABELS)
    exact = execute(mixed, start(), measured)
    tolerance = 1e-10 if shots is None else 8 / np.sqrt(shots)
    np.testing.assert_allclose(result, exact, atol=tolerance)


@pytest.mark.parametrize("shots", MODES)
@pytest.mark.parametrize("name", PROCESSES)
def test_listed_measurement(name, shots, device):
    """A listed measurement runs where its conditions allow it, and is refused elsewhere."""
    process = PROCESSES[name]()
    assert type(process).__name__ == name
    if MODES[shots] in CAPABILITIES.measurement_processes[name]:
        with pytest.raises(DeviceError, match=r"qizgloria\.mixed"):
            execute(device, start(), [process], shots=shots)
        return
    result = execute(device, start(), [process], shots=shots)
    if name == "CountsMP":
        assert sum(result.values()) == shots
    elif name == "NullMeasurement":
        assert np.isnan(result)
    else:
        mixed_state = name == "StateMP"  # for which PennyLane says the shape of a pure one
        shape = (8, 8) if mixed_state else process.shape(shots, len(LABELS))
        assert np.shape(result) == shape
        assert np.all(np.isfinite(result))


@pytest.mark.parametrize("observable", [qml.QubitDensityMatrix(np.eye(2) / 2, "a"), qml.S("a")])
def test_unlisted_observable_is_refused(observable, device):
    """What is not an observable of the list is refused."""
    with pytest.raises(DeviceError, match=r"qizgloria\.mixed"):
        execute(device, start(), [qml.measurements.ExpectationMP(observable)])


def test_flags(device):
    """Overlapping and non-commuting observables run, as the flags say."""
    assert CAPABILITIES.overlapping_observables
    assert CAPABILITIES.non_commuting_observables
    measured = [qml.expval(qml.X("a")), qml.expval(qml.Y("a") @ qml.Z(7)), qml.var(qml.Z("a"))]
    tape = preprocessed(device, start(), measured)
    assert tape.measurements == measured
    exact = execute(qml.device("default.mixed", wires=LABELS), start(), measured)
    np.testing.assert_allclose(device.execute(tape), exact, atol=1e-10)
    assert CAPABILITIES.supported_mcm_methods == []
    assert not CAPABILITIES.qjit_compatible
