"""PennyLane tapes as Qiskit circuits.

Wire i of the wire order is qubit i. PennyLane reads the first wire as the most significant bit of
an index, Qiskit the first qubit as the least significant one, so the matrices agree after the
qubits are reversed: ``qml.matrix(tape, wire_order)`` is ``Operator(circuit.reverse_bits()).data``,
and Qiskit's bit strings read from right to left.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import wraps
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.measurements import (
    ClassicalShadowMP,
    DensityMatrixMP,
    MutualInfoMP,
    PurityMP,
    ShadowExpvalMP,
    StateMP,
    VnEntropyMP,
)
from pennylane.operation import Operator
from pennylane.tape import QuantumScript
from pennylane.wires import Wires
from pennylane.workflow import QNode
from qiskit.circuit import (
    ClassicalRegister,
    ParameterVector,
    QuantumCircuit,
)

from .circuit_builder import (
    CircuitBuilder,
    expand,
    midcircuit_measurements,
    parameters_of,
)

_WITHOUT_SAMPLES = (StateMP, DensityMatrixMP, VnEntropyMP, MutualInfoMP, PurityMP)


def to_qiskit(
    circuit: Any,
    wires: Any = None,
    measure: bool = True,
) -> Any:
    r"""A Qiskit circuit that does what a PennyLane circuit does, global phase included.

    Gates that Qiskit has too become those; others are decomposed by PennyLane. `qml.Barrier` and
    `pennylane_qizgloria.Delay` become barriers and delays, channels Kraus instructions, which
    simulators run. Parameters may be Qiskit's: they stay symbolic, also in arithmetic and in
    functions of `qml.math`. A ``ParameterVector`` given as an argument can be indexed and reshaped
    like an array.

    Mid-circuit measurements go to the register ``mcm``, one bit each in order, and ``qml.cond``
    becomes an ``if_test`` on them. Outcomes to postselect are only noted, in
    ``circuit.metadata["postselect"]``, as a value for each such index into ``mcm``.

    With ``measure=True`` the circuit ends with the rotations into the eigenbases of the measured
    observables and a measurement of their wires, in wire order, into the register ``meas``. A
    measurement without wires (``qml.probs()``) is one of all wires; measurements of the state
    (``qml.state()``, entropies) and of mid-circuit outcomes add nothing.

    Args:
        circuit: a tape, a QNode or a quantum function.
        wires: wire ``wires[i]`` becomes qubit i. By default the wires of the QNode's device, or
            else those of the circuit: sorted if they are integers, otherwise as they appear.
        measure: whether to add the terminal measurements.

    Returns:
        A ``QuantumCircuit`` for a tape; for a QNode or quantum function, a function of its
        arguments that gives one.

    Raises:
        ValueError: if an operation has no form in Qiskit, if a parameter is broadcast, if a wire
            is missing in ``wires``, or if the measurements need different bases.
        TypeError: if ``circuit`` is none, or ``wires`` come without an order, as a set.

    >>> from qiskit.circuit import Parameter
    >>> @qml.qnode(qml.device("default.qubit"))
    ... def circuit(x):
    ...     qml.RX(2 * x, wires="a")
    ...     qml.CNOT(["a", "b"])
    ...     return qml.expval(qml.X("b"))
    >>> print(to_qiskit(circuit)(Parameter("x")).draw("text"))
            ┌─────────┐
       q_0: ┤ Rx(2*x) ├──■──────────
            └─────────┘┌─┴─┐┌───┐┌─┐
       q_1: ───────────┤ X ├┤ H ├┤M├
                       └───┘└───┘└╥┘
    meas: 1/══════════════════════╩═
                                  0
    """
    if isinstance(circuit, QuantumScript):
        return _tape_to_qiskit(circuit, wires, measure)
    if not callable(circuit):
        raise TypeError(
            f"to_qiskit takes a tape, a QNode or a quantum function, got {type(circuit).__name__}."
        )
    qnode = circuit if isinstance(circuit, QNode) else None
    order = qnode.device.wires if qnode is not None and wires is None else wires

    @wraps(circuit)
    def convert(*args: Any, **kwargs: Any) -> QuantumCircuit:
        named = {name: _as_array(value) for name, value in kwargs.items()}
        function = circuit if qnode is None else qnode.func
        tape = qml.tape.make_qscript(function)(*map(_as_array, args), **named)
        return _tape_to_qiskit(tape if qnode is None else _transformed(qnode, tape), order, measure)

    return convert


def _transformed(qnode: QNode, tape: QuantumScript) -> QuantumScript:
    """A tape after the transforms that the user put on its QNode."""
    # qml.workflow.construct_tape would ask whether Qiskit's parameters are trainable.
    tapes, _ = qnode.compile_pipeline((tape,))
    if len(tapes) != 1:
        raise ValueError(
            f"The QNode's transforms make {len(tapes)} circuits of it. Convert the tapes that "
            "qml.workflow.construct_batch(qnode, level='user') gives, one by one."
        )
    return tapes[0]


def _as_array(value: Any) -> Any:
    """A ParameterVector as an array, which PennyLane's templates can look at."""
    return np.array(list(value), dtype=object) if isinstance(value, ParameterVector) else value


def _tape_to_qiskit(tape: QuantumScript, wires: Any, measure: bool) -> QuantumCircuit:
    if isinstance(wires, set | frozenset | Mapping):
        raise TypeError(f"to_qiskit: wires must be in the order of the qubits, got {wires!r}.")
    order = _default_order(tape.wires) if wires is None else Wires(wires)
    missing = [wire for wire in tape.wires if wire not in order]
    if missing:
        raise ValueError(f"The circuit acts on wires {missing}, which are not in wires={wires}.")
    rotations, measured = _terminal(tape, order) if measure else ([], [])
    tape = expand(tape.copy(operations=[*tape.operations, *rotations]), "to_qiskit")
    builder = CircuitBuilder.create(order, tape.operations, with_phase=True)
    builder.append_all([(op, parameters_of(op)) for op in tape.operations])
    circuit = builder.circuit
    postselect = {i: mp.postselect for i, mp in enumerate(midcircuit_measurements(tape.operations))}
    postselect = {i: value for i, value in postselect.items() if value is not None}
    if postselect:
        circuit.metadata = {"postselect": postselect}
    if measured:
        register = ClassicalRegister(len(measured), "meas")
        circuit.add_register(register)
        circuit.measure([order.index(wire) for wire in measured], register)
    return circuit


def _default_order(wires: Wires) -> Wires:
    labels = wires.tolist()
    return Wires(sorted(labels) if all(isinstance(x, int) for x in labels) else labels)


def _terminal(tape: QuantumScript, order: Wires) -> tuple[list[Operator], list[Hashable]]:
    """The rotations into the measured bases, and the measured wires in order."""
    bases: dict[Hashable, list[Operator]] = {}
    rotations: list[Operator] = []
    for process in tape.measurements:
        if process.mv is not None or isinstance(process, _WITHOUT_SAMPLES):
            continue
        if isinstance(process, ClassicalShadowMP | ShadowExpvalMP):
            raise ValueError(
                f"{process} measures in random bases, so it has no one circuit. "
                "Use measure=False and add the bases that you draw."
            )
        gates = process.diagonalizing_gates()
        basis = {w: [g for g in gates if w in g.wires] for w in process.wires or order}
        known = [w for w in basis if w in bases]
        if any(not _equal(basis[w], bases[w]) for w in known):
            raise ValueError(
                f"{process} needs another basis than the measurements before it. Split them with "
                "qml.transforms.split_non_commuting, or use measure=False."
            )
        rotations += [gate for gate in gates if not set(gate.wires) & set(known)]
        bases |= basis
    return rotations, [wire for wire in order if wire in bases]


def _equal(left: Sequence[Operator], right: Sequence[Operator]) -> bool:
    return len(left) == len(right) and all(map(qml.equal, left, right))
