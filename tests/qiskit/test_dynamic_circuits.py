"""Random circuits that measure, reset and branch, there and back.

Qiskit's side is followed here branch by branch, PennyLane's is what default.qubit makes of deferred
measurements; both are exact.
"""

import operator

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pennylane.tape import make_qscript
from qiskit.circuit import (
    CASE_DEFAULT,
    Barrier,
    ClassicalRegister,
    Clbit,
    ForLoopOp,
    IfElseOp,
    Measure,
    QuantumCircuit,
    QuantumRegister,
    Reset,
    SwitchCaseOp,
)
from qiskit.circuit import library as lib
from qiskit.circuit.classical import expr
from qiskit.quantum_info import Operator, Pauli, Statevector

from pennylane_qizgloria.qiskit import from_qiskit, to_qiskit

WIRES = range(3)
STEPS = settings(max_examples=40, deadline=None, derandomize=True)


# --- Qiskit, branch by branch ---------------------------------------------------------------------

OPERATIONS = {
    **{"LOGIC_AND": operator.and_, "LOGIC_OR": operator.or_, "BIT_AND": operator.and_},
    **{"BIT_OR": operator.or_, "BIT_XOR": operator.xor, "EQUAL": operator.eq},
    **{"NOT_EQUAL": operator.ne, "LESS": operator.lt, "GREATER_EQUAL": operator.ge},
    "ADD": operator.add,
}


def value_of(condition, bits):
    """The value of a bit, a register, a pair or an expression."""
    if isinstance(condition, tuple):
        return value_of(condition[0], bits) == condition[1]
    if isinstance(condition, expr.Var):
        return value_of(condition.var, bits)
    if isinstance(condition, expr.Value):
        return condition.value
    if isinstance(condition, expr.Cast):
        return value_of(condition.operand, bits)
    if isinstance(condition, expr.Unary):
        value = value_of(condition.operand, bits)
        return 1 - value if condition.op.name == "LOGIC_NOT" else ~value % 2**condition.type.width
    if isinstance(condition, expr.Binary):
        pair = (value_of(side, bits) for side in (condition.left, condition.right))
        value = OPERATIONS[condition.op.name](*pair)
        return value % 2 ** getattr(condition.type, "width", 1)
    if isinstance(condition, ClassicalRegister):
        return int("".join(str(bits[bit]) for bit in reversed(condition)), 2)
    return bits[condition]


def body_of(op, bits):
    """The block that is taken, if any."""
    if isinstance(op, IfElseOp):
        return op.params[0] if value_of(op.condition, bits) else op.params[1]
    value = value_of(op.target, bits)
    cases = {label: block for labels, block in op.cases_specifier() for label in labels}
    return cases.get(value, cases.get(CASE_DEFAULT))


def branches(circuit, vector, bits, qubits):
    """The unnormalised states and bits after a circuit on some of the qubits."""
    found = [(vector, bits)]
    place = dict(zip(circuit.qubits, qubits, strict=True))
    for step in circuit.data:
        on = [place[qubit] for qubit in step.qubits]
        found = [new for old in found for new in after(step, *old, on)]
    return found


def after(step, vector, bits, on):
    op = step.operation
    if isinstance(op, Barrier):
        return [(vector, bits)]
    if isinstance(op, Measure | Reset):
        projected = [vector.evolve(np.diag(row), on) for row in np.eye(2)]
        if isinstance(op, Reset):
            return [(projected[0], bits), (projected[1].evolve(lib.XGate(), on), bits)]
        return [(new, bits | {step.clbits[0]: value}) for value, new in enumerate(projected)]
    if isinstance(op, ForLoopOp):
        indices, parameter, body = op.params
        found = [(vector, bits)]
        for index in indices:
            own = body if parameter is None else body.assign_parameters({parameter: index})
            found = [new for old in found for new in inside(own, step, *old, on)]
        return found
    if isinstance(op, IfElseOp | SwitchCaseOp):
        body = body_of(op, bits)
        return [(vector, bits)] if body is None else inside(body, step, vector, bits, on)
    if op.num_clbits:
        return inside(op.definition, step, vector, bits, on)
    return [(vector.evolve(Operator(op), on), bits)]


def inside(body, step, vector, bits, on):
    """A block or definition, whose bits may have other names than where it stands."""
    outer = dict(zip(body.clbits, step.clbits, strict=True))
    own = bits | {inner: bits[bit] for inner, bit in outer.items()}
    return [
        (new, bits | {bit: final[inner] for inner, bit in outer.items()})
        for new, final in branches(body, vector, own, on)
    ]


def of_qiskit(circuit, read=None):
    """The density matrix in PennyLane's order of bits, and the joint distribution of some bits."""
    read = circuit.clbits if read is None else read
    start = Statevector.from_int(0, 2**circuit.num_qubits)
    zeros = dict.fromkeys(circuit.clbits, 0)
    rho, probs = 0, np.zeros((2,) * len(read))
    for vector, bits in branches(circuit, start, zeros, range(circuit.num_qubits)):
        amplitudes = vector.reverse_qargs().data
        rho = rho + np.outer(amplitudes, amplitudes.conj())
        probs[tuple(bits[bit] for bit in read)] += np.vdot(amplitudes, amplitudes).real
    return rho, probs.reshape(-1)


# --- PennyLane, deferred --------------------------------------------------------------------------


def of_pennylane(function, wires=WIRES):
    """The density matrix, and the joint distribution of the outcomes that a function returns."""

    @qml.qnode(qml.device("default.qubit"), mcm_method="deferred")
    def circuit():
        outcomes = function()
        density = qml.density_matrix(list(wires))
        return (density, qml.probs(op=outcomes)) if outcomes else (density,)

    rho, *probs = circuit()
    return rho, probs[0] if probs else np.ones(1)


def assert_alike(found, wanted):
    for own, value in zip(found, wanted, strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=1e-9)


# --- from Qiskit ----------------------------------------------------------------------------------

ANGLE = st.floats(-3, 3).map(lambda x: round(x, 2))
QUBIT = st.sampled_from(WIRES)


def gate(draw, circuit):
    first, second, _ = draw(st.permutations(WIRES))
    name = draw(st.sampled_from(["rx", "ry", "cx", "crx", "h", "sdg"]))
    angles = [draw(ANGLE)] if name in ("rx", "ry", "crx") else []
    getattr(circuit, name)(*angles, *([first, second] if name[0] == "c" else [first]))


def measure(draw, circuit):
    circuit.measure(draw(QUBIT), draw(st.sampled_from(circuit.clbits)))


def reset(draw, circuit):
    circuit.reset(draw(QUBIT))


def branch(draw, circuit, depth=0):
    with circuit.if_test(draw(conditions(circuit.cregs))) as otherwise:
        body(draw, circuit, depth)
    if draw(st.booleans()):
        with otherwise:
            body(draw, circuit, depth)


def switch(draw, circuit, depth=0):
    register = circuit.cregs[0]
    target = draw(st.sampled_from([register, register[0], expr.bit_xor(register, 2)]))
    with circuit.switch(target) as case:
        with case(0):
            body(draw, circuit, depth)
        with case(*((1,) if isinstance(target, Clbit) else (1, 3))):
            body(draw, circuit, depth)
        if draw(st.booleans()):
            with case(case.DEFAULT):
                body(draw, circuit, depth)


def loop(draw, circuit, depth=0):
    with circuit.for_loop(range(1, 3)) as index:
        circuit.ry(index * draw(ANGLE), draw(QUBIT))
        body(draw, circuit, depth)


def body(draw, circuit, depth):
    """Some gates, or a branch in the branch."""
    gate(draw, circuit)
    inner = draw(st.sampled_from([gate, branch, switch, loop] if depth == 0 else [gate]))
    inner(draw, circuit, *([] if inner is gate else [1]))


def conditions(registers):
    bits = st.sampled_from([bit for register in registers for bit in register])
    register = st.just(registers[0])
    number = st.integers(0, 3)
    compare = st.sampled_from([expr.equal, expr.not_equal, expr.less, expr.greater_equal])
    change = st.sampled_from([expr.bit_xor, expr.bit_and, expr.bit_or, expr.add])
    leaf = st.one_of(
        bits.map(expr.lift),
        st.builds(lambda f, r, n: f(r, n), compare, register, number),
        st.builds(lambda f, g, r, n, k: f(g(r, n), k), compare, change, register, number, number),
        st.builds(lambda f, r, n: f(expr.bit_not(r), n), compare, register, number),
    )
    either = st.sampled_from([expr.logic_and, expr.logic_or])
    trees = st.recursive(
        leaf,
        lambda own: st.one_of(
            own.map(expr.logic_not), st.builds(lambda f, a, b: f(a, b), either, own, own)
        ),
        max_leaves=3,
    )
    return st.one_of(st.tuples(bits, st.integers(0, 1)), st.tuples(register, number), trees)


@st.composite
def dynamic_circuits(draw):
    """Up to four measurements and resets, among gates and branches, after a first measurement."""
    circuit = QuantumCircuit(
        QuantumRegister(3, "q"), ClassicalRegister(2, "a"), ClassicalRegister(1, "b")
    )
    for qubit in WIRES:
        circuit.ry(0.7 + qubit, qubit)
    circuit.measure(0, 0)
    steps = draw(st.lists(st.sampled_from([measure, reset]), max_size=3))
    steps += draw(st.lists(st.sampled_from([gate, branch, switch, loop]), min_size=1, max_size=4))
    for step in draw(st.permutations(steps)):
        step(draw, circuit)
    return circuit


@STEPS
@given(circuit=dynamic_circuits())
def test_from_qiskit_and_back(circuit):
    """A branch would be taken under another condition, or an outcome be of another time."""
    template = from_qiskit(circuit)
    with qml.queuing.AnnotatedQueue():
        written = [i for i, outcome in enumerate(template()) if outcome is not None]
    wanted = of_qiskit(circuit, [circuit.clbits[i] for i in written])
    found = of_pennylane(lambda: [x for x in template() if x is not None])
    assert_alike(found, wanted)
    back = to_qiskit(make_qscript(template)(), wires=WIRES)
    np.testing.assert_allclose(of_qiskit(back, [])[0], wanted[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("word", ["-XZ", "YY"])
def test_joint_measurements(word):
    """The outcome of a measurement of several qubits would be another, or the state after it."""
    circuit = QuantumCircuit(3, 2)
    circuit.ry(0.7, 0)
    circuit.crx(1.2, 0, 1)
    circuit.append(lib.PauliProductMeasurement(Pauli(word)), [1, 0], [1])
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.h(2)
    template = from_qiskit(circuit)
    found = of_pennylane(lambda: template()[1:])
    assert_alike(found, of_qiskit(circuit, circuit.clbits[1:]))


# --- from PennyLane -------------------------------------------------------------------------------


def combine(choice, values):
    """A condition on one or several outcomes."""
    first, *rest = values
    last = rest[-1] if rest else first
    return [
        lambda: first,
        lambda: ~last,
        lambda: first & ~last,
        lambda: (first ^ last) | (first == 0),
        lambda: first + 2 * last >= 2,
        lambda: sum(values) == 1,
        lambda: 3 - 2 * first * last > 1,
    ][choice]()


GATES = [qml.RX, qml.RY, qml.CRX, qml.SingleExcitation, qml.Rot, qml.H, qml.CNOT, qml.CSWAP]
PIECE = st.tuples(st.sampled_from(GATES), st.permutations(WIRES), st.lists(ANGLE, min_size=3))
PIECES = st.lists(PIECE, min_size=1, max_size=2)
CONDITION = st.integers(0, 6)
MEASURED = st.tuples(st.just("measure"), QUBIT, st.booleans())
ANY_STEP = st.one_of(
    MEASURED,
    st.tuples(st.just("gates"), PIECES),
    st.tuples(st.just("if"), CONDITION, PIECES, st.none() | PIECES),
)


def apply(pieces):
    for kind, order, angles in pieces:
        kind(*angles[: kind.num_params], wires=order[: kind.num_wires])


def play(program):
    """A program as a quantum function, which returns all outcomes."""
    for wire in WIRES:
        qml.RY(0.7 + wire, wire)
    values = [qml.measure(0)]
    for kind, *parts in program:
        if kind == "measure":
            values.append(qml.measure(parts[0], reset=parts[1]))
        elif kind == "gates":
            apply(*parts)
        else:
            choice, then, other = parts
            otherwise = None if other is None else lambda other=other: apply(other)
            qml.cond(combine(choice, values), lambda then=then: apply(then), otherwise)()
    return values


def is_small(program):
    return sum(step[0] == "measure" for step in program) <= 3


@STEPS
@given(program=st.lists(ANY_STEP, min_size=2, max_size=5).filter(is_small))
def test_from_pennylane_and_back(program):
    """A condition would be written for other bits, or its opposite for the same ones."""
    wanted = of_pennylane(lambda: play(program))
    circuit = to_qiskit(make_qscript(lambda: play(program))(), wires=WIRES)
    assert_alike(of_qiskit(circuit), wanted)
    # A measurement that resets is a measurement and a reset.
    assert_alike(of_pennylane(from_qiskit(circuit)), wanted)
