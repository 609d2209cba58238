"""All gates of both libraries, there and back: none is forgotten, none becomes another."""

import inspect

import numpy as np
import pennylane as qml
import pytest
from helpers.qiskit_unitaries import assert_same, unitary
from pennylane.tape import QuantumScript, make_qscript
from qiskit.circuit import Instruction, QuantumCircuit
from qiskit.circuit import library as lib
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Pauli
from scipy.stats import unitary_group

from pennylane_qizgloria.qiskit import from_qiskit, to_qiskit
from pennylane_qizgloria.qiskit.convert.gates import SAME

U2, U4 = (unitary_group.rvs(size, random_state=1) for size in (2, 4))
ANGLES = np.random.default_rng(2).uniform(-3, 3, 15)


def name_of(thing):
    return getattr(thing, "name", None) or thing.__name__


# --- PennyLane's ----------------------------------------------------------------------------------

BLOCK = qml.BlockEncode([[0.1, 0.2], [0.3, 0.4]], [1, 0])
WORDS = qml.dot([0.3, 0.4], [qml.X(0) @ qml.Y(2), qml.Z(1)])

OPERATORS = [
    *(kind(*ANGLES[: kind.num_params], wires=range(kind.num_wires or 1)[::-1]) for kind in SAME),
    qml.Rot(*ANGLES[:3], 0),
    qml.CRot(*ANGLES[:3], [1, 0]),
    *(kind([1, 0]) for kind in (qml.SISWAP, qml.SQISW)),
    *(kind(0.3, [1, 0]) for kind in (qml.CPhaseShift00, qml.CPhaseShift01, qml.CPhaseShift10)),
    *(kind(0.3, [1, 0]) for kind in (qml.IsingXY, qml.PSWAP, qml.FermionicSWAP)),
    *(kind(0.3, [1, 0]) for kind in (qml.SingleExcitation, qml.SingleExcitationMinus)),
    *(kind(0.3, [1, 0]) for kind in (qml.SingleExcitationPlus, qml.MultiRZ)),
    *(kind(0.3, [3, 1, 0, 2]) for kind in (qml.DoubleExcitation, qml.DoubleExcitationMinus)),
    *(kind(0.3, [3, 1, 0, 2]) for kind in (qml.DoubleExcitationPlus, qml.OrbitalRotation)),
    qml.MultiRZ(0.3, [2, 0, 1]),
    qml.PauliRot(0.3, "XYZ", [2, 0, 1]),
    qml.PCPhase(0.3, 3, [1, 0]),
    qml.GlobalPhase(0.3),
    qml.QubitUnitary(U4, [1, 0]),
    qml.DiagonalQubitUnitary(np.exp(1j * ANGLES[:4]), [1, 0]),
    qml.SpecialUnitary(ANGLES, [1, 0]),
    BLOCK,
    qml.ControlledQubitUnitary(U2, [2, 0, 1], control_values=[0, 1]),
    qml.MultiControlledX([3, 0, 1, 2], [0, 1, 1]),
    qml.ControlledPhaseShift(0.3, [1, 0]),
    qml.IntegerComparator(2, geq=False, wires=[2, 0, 1]),
    qml.QubitCarry([3, 0, 1, 2]),
    qml.QubitSum([2, 0, 1]),
    qml.TemporaryAND([2, 0, 1]),
    # What arithmetic and templates make of others.
    qml.pow(qml.ISWAP([1, 0]), 0.4),
    qml.pow(qml.RX(0.3, 0), -2, lazy=True),
    qml.exp(qml.X(0) @ qml.Y(1), 0.3j),
    qml.evolve(qml.X(1) @ qml.Z(0), 0.3),
    qml.prod(qml.X(0), qml.RY(0.3, 1), qml.CNOT([1, 0])),
    qml.adjoint(qml.prod(qml.S(0), qml.CRY(0.3, [1, 0])), lazy=True),
    qml.ctrl(qml.prod(qml.S(0), qml.CRY(0.3, [1, 0])), 2, control_values=[0]),
    qml.s_prod(1j, qml.X(0)),
    qml.change_op_basis(qml.H(0), qml.RZ(0.3, 0)),
    qml.ctrl(qml.GlobalPhase(0.3), [0, 1]),
    *(qml.QFT([2, 0, 1]), qml.AQFT(1, [2, 0, 1]), qml.adjoint(qml.QFT([2, 0, 1]))),
    *(
        qml.GroverOperator([2, 0, 1]),
        qml.FlipSign([1, 0], [1, 0]),
        qml.Permute([2, 0, 1], range(3)),
    ),
    *(qml.Adder(1, [2, 0, 1]), qml.PhaseAdder(1, [2, 0, 1]), qml.OutAdder([0], [1], [3, 2])),
    *(qml.Multiplier(3, [1, 0], 4, [2, 3]), qml.SemiAdder([0, 1], [2, 3], [4])),
    *(qml.ApproxTimeEvolution(WORDS, 0.3, 2), qml.TrotterProduct(WORDS, 0.3, n=2, order=2)),
    qml.QSVT(BLOCK, [qml.PCPhase(angle, 2, [1, 0]) for angle in ANGLES[:3]]),
    qml.Select([qml.X(1), qml.RY(0.3, 1)], control=0),
    qml.SelectPauliRot(ANGLES[:4], [2, 0], 1, rot_axis="Y"),
    qml.QuantumPhaseEstimation(qml.RX(0.3, 0), estimation_wires=[2, 1]),
    qml.ControlledSequence(qml.RX(0.3, 2), control=[1, 0]),
    qml.Qubitization(qml.dot([0.3, 0.4], [qml.X(1), qml.Z(1)]), control=0),
    qml.FermionicSingleExcitation(0.3, [2, 0, 1]),
    qml.FermionicDoubleExcitation(0.3, [2, 1], [3, 0]),
    qml.BasisRotation(range(3), unitary_group.rvs(3, random_state=2)),
]

NO_GATES = {"Barrier", "Snapshot", "WireCut", "BasisState", "StatePrep", "QubitDensityMatrix"}
"""What prepares states or marks places."""


@pytest.mark.parametrize("op", OPERATORS, ids=name_of)
def test_operators_of_pennylane(op):
    """A circuit would do something else on the backend, or after it came back."""
    n = 1 + max(op.wires, default=0)
    tape = QuantumScript([op])
    circuit = to_qiskit(tape, wires=range(n))
    assert_same(unitary(circuit, n), unitary(tape, n))
    assert_same(unitary(make_qscript(from_qiskit(circuit))(), n), unitary(tape, n))


def test_no_gate_of_pennylane_is_left_out():
    """A gate that PennyLane has now would not be tested."""
    kinds = {
        kind.__name__
        for kind in vars(qml).values()
        if inspect.isclass(kind)
        and issubclass(kind, qml.operation.Operation)
        and kind.__module__.startswith(("pennylane.ops.qubit", "pennylane.ops.op_math"))
    }
    tested = {type(op).__name__ for op in OPERATORS}
    assert kinds - tested - NO_GATES == set()


# --- Qiskit's -------------------------------------------------------------------------------------

INSTRUCTIONS = [
    *(lib.C3XGate(ctrl_state=5), lib.C4XGate(), lib.MCXGate(3, ctrl_state=2)),
    *(lib.MCXGrayCode(5), lib.MCPhaseGate(0.3, 2), lib.MCU1Gate(0.3, 2)),
    *(lib.MCMTGate(lib.RYGate(0.3), 2, 1), lib.MCMTGate(lib.XGate(), 1, 3)),
    *(lib.MCMTGate(lib.UGate(*ANGLES[:3]), 2, 2), lib.MCMTGate(lib.HGate(), 2, 2).inverse()),
    *(lib.UCGate([U2, U2.T]), lib.UCRXGate([0.1, 0.2]), lib.UCRYGate([0.1, 0.2])),
    *(lib.UCRZGate([0.1, 0.2]), lib.UCPauliRotGate([0.1, 0.2], "X")),
    *(lib.MCGupDiag(U2, 1, 0, 0), lib.Isometry(U4[:, :2], 0, 0)),
    *(lib.UnitaryGate(U4), lib.DiagonalGate(list(np.exp(1j * ANGLES[:4])))),
    *(lib.PermutationGate([2, 0, 1]), lib.LinearFunction([[1, 1], [0, 1]])),
    *(lib.PauliGate("XYZ"), lib.PauliProductRotationGate(Pauli("-XYZ"), 0.3)),
    lib.PauliEvolutionGate(Pauli("XYZ"), 0.3),
    lib.HamiltonianGate(np.array([[1, 2j], [-2j, 0]]), 0.3),
    *(lib.RVGate(0.1, 0.2, 0.3), lib.MSGate(3, 0.3), lib.QFTGate(3)),
    *(lib.AndGate(2, [1, -1]), lib.OrGate(2, [1, -1]), lib.InnerProductGate(2)),
    *(lib.BitwiseXorGate(3, 5), lib.IntegerComparatorGate(2, 2)),
    *(lib.HalfAdderGate(1), lib.FullAdderGate(1), lib.ModularAdderGate(2), lib.MultiplierGate(1)),
    *(lib.BitFlipOracleGate("a & ~b"), lib.PhaseOracleGate("a & ~b")),
    *(lib.GraphStateGate([[0, 1], [1, 0]]), lib.UniformSuperpositionGate(3, 2)),
    lib.ExactReciprocalGate(2, 0.5),
    lib.LinearAmplitudeFunctionGate(2, 0.3, 0.1, (0, 1), (0, 1)),
    lib.LinearPauliRotationsGate(2, 0.3, 0.2),
    lib.PolynomialPauliRotationsGate(2, [0.1, 0.2, 0.3]),
    lib.PiecewiseLinearPauliRotationsGate(2, [0, 2], [0.3, 0.1], [0.1, 0.4]),
    lib.PiecewisePolynomialPauliRotationsGate(2, [0, 2], [[0.1, 0.2], [0.3]]),
    lib.PiecewiseChebyshevGate(np.sin, 2, 1, [0, 2, 4]),
    lib.QuadraticFormGate(2, [[1, 0], [0, 1]], [1, 0], 1),
]

WITH_ANCILLAS = [lib.MCXVChain(3), lib.MCXRecursive(5)]
"""Controlled gates with qubits that must be in the state 0 and come out so."""

NO_UNITARIES = {
    *("Barrier", "Initialize", "StatePreparation", "PauliProductMeasurement"),
    # The transpiler alone knows what it is made of: resets, too.
    "WeightedSumGate",
}
"""What prepares, measures or resets."""


def on_descending_qubits(gate):
    circuit = QuantumCircuit(gate.num_qubits)
    circuit.append(gate, list(reversed(range(gate.num_qubits))))
    return circuit


@pytest.mark.parametrize("gate", INSTRUCTIONS, ids=name_of)
def test_instructions_of_qiskit(gate):
    """A circuit would do something else in a QNode, or after it came back."""
    circuit, n = on_descending_qubits(gate), gate.num_qubits
    tape = make_qscript(from_qiskit(circuit))()
    assert_same(unitary(tape, n), unitary(circuit, n), atol=1e-7)
    assert_same(unitary(to_qiskit(tape, wires=range(n)), n), unitary(circuit, n), atol=1e-7)


@pytest.mark.parametrize("gate", WITH_ANCILLAS, ids=name_of)
def test_gates_with_ancillas(gate):
    """A control would be taken for an ancilla qubit, or the other way round."""
    circuit, n = on_descending_qubits(gate), gate.num_qubits
    clean = 2 ** (n - gate.num_ancilla_qubits)
    # Ancillas are the last qubits, here the first wires: they are 0 in the first columns.
    found = unitary(make_qscript(from_qiskit(circuit))(), n)
    assert_same(found[:, :clean], unitary(circuit, n)[:, :clean])


def test_no_instruction_of_qiskit_is_left_out():
    """An instruction that Qiskit has now would not be tested."""
    kinds = {
        kind.__name__
        for kind in vars(lib).values()
        if inspect.isclass(kind) and issubclass(kind, Instruction)
    }
    # test_gates.py has the standard ones.
    gates = [*get_standard_gate_name_mapping().values(), *INSTRUCTIONS, *WITH_ANCILLAS]
    tested = {gate.base_class.__name__ for gate in gates}
    assert kinds - tested - NO_UNITARIES == set()
