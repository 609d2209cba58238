"""A compiled Qiskit circuit with the noise of a backend, as a template of closed forms.

The template's parameters are the elements of the circuit's parameter vector, in order, and then the
strengths of the noise. Its wires are those physical qubits that the circuit uses.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from pennylane.exceptions import DeviceError
from pennylane.operation import Operator
from qiskit.circuit import (
    Barrier,
    ControlFlowOp,
    Delay,
    Measure,
    Operation,
    ParameterExpression,
    QuantumCircuit,
    Reset,
)
from qiskit.utils import apply_prefix

from ..lowering.operations.closed_forms import MAX_TRANSFER_WIRES, known_gate
from ..lowering.operations.compiled_circuit import Linear, Step, Template
from ..lowering.operations.operations import has_kraus_matrices, has_no_effect
from ..pauli.maps.channels import RESET_ERROR
from ..pauli.maps.transfer import constant, kraus_transfer
from ..qiskit.convert.expressions import compile_expression
from ..qiskit.convert.from_qiskit import gate_operators
from .channel import NoiseChannel
from .layers import in_layers
from .readout import is_readout
from .source import Instruction, Noise

STRENGTH_OF_REST = None
"""Stands for the noise of all instructions that have no strength of their own."""


@dataclass(frozen=True, eq=False)
class NoisyCircuit:
    """A compiled circuit with noise.

    Args:
        template: the circuit.
        qubits: the physical qubit of each wire of the template.
        readings: the physical qubit that each of the circuit's classical bits is read from.
        strengths: which instruction each strength of noise belongs to, in the order of the
            template's last parameters; `STRENGTH_OF_REST` for all others.
        noisy: the instructions that have noise.
        unknown: the gates that the source of the noise says nothing about.
        waiting: for how many seconds each qubit waits, where delays are written down.
    """

    template: Template
    qubits: tuple[int, ...]
    readings: Mapping[int, int]
    strengths: tuple[Instruction | None, ...]
    noisy: tuple[Instruction, ...]
    unknown: tuple[Instruction, ...] = ()
    waiting: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PlacedOperation:
    """An instruction of a compiled circuit.

    Args:
        operation: Qiskit's operation.
        qubits: the physical qubits that it acts on.
        clbits: the classical bits.
    """

    operation: Operation
    qubits: tuple[int, ...]
    clbits: tuple[int, ...]

    @property
    def key(self) -> Instruction:
        """Its name and its qubits."""
        return self.operation.name, self.qubits


def noisy_circuit(
    circuit: QuantumCircuit,
    noise: Noise,
    num_params: int,
    own_strengths: Iterable[Instruction] = (),
    dt: float | None = None,
    ends: Collection[int] = (),
) -> NoisyCircuit:
    """Put the noise behind the instructions of a compiled circuit.

    Args:
        circuit: compiled, its parameters are those of one vector.
        noise: the noise.
        num_params: the length of the vector.
        own_strengths: instructions whose noise has a strength of its own.
        dt: the time step of the backend in seconds, for delays; None if it has none.
        ends: the qubits that wires are on at the end. Others that only wait are left out: schedules
            write delays of all qubits that a backend has.

    Raises:
        DeviceError: for an instruction that cannot be simulated, a delay in a unit that is not
            known, a qubit that the noise is not of, and layers that the noise does not have.
    """
    operations = list(_operations(circuit))
    used = {*ends}.union(*(own.qubits for own in operations if _is_used(own.operation)))
    operations = [
        own
        for own in operations
        if used.issuperset(own.qubits) or not isinstance(own.operation, Delay)
    ]
    builder = _Builder(noise, num_params, tuple(own_strengths), dt)
    for placed, before, behind in in_layers(operations, noise):
        builder.add_noise(STRENGTH_OF_REST, before)
        builder.add(placed)
        builder.add_noise(STRENGTH_OF_REST, behind)
    return builder.result()


def _is_used(operation: Operation) -> bool:
    """Whether what it acts on takes part in a circuit."""
    return not isinstance(operation, (Barrier, Delay))


def _operations(circuit: QuantumCircuit) -> Iterator[PlacedOperation]:
    qubit = {bit: i for i, bit in enumerate(circuit.qubits)}
    clbit = {bit: i for i, bit in enumerate(circuit.clbits)}
    for instruction in circuit.data:
        yield PlacedOperation(
            instruction.operation,
            tuple(qubit[q] for q in instruction.qubits),
            tuple(clbit[c] for c in instruction.clbits),
        )


class _Builder:
    """Gathers the steps of a template."""

    def __init__(
        self, noise: Noise, num_params: int, own: tuple[Instruction, ...], dt: float | None
    ) -> None:
        self.noise = noise
        self.num_params = num_params
        self.strengths: tuple[Instruction | None, ...] = (STRENGTH_OF_REST, *own)
        self.dt = dt
        self.steps: list[tuple[Any, tuple[int, ...], list[Any]]] = []
        self.readings: dict[int, int] = {}
        self.noisy: dict[Instruction, None] = {}
        self.unknown: dict[Instruction, None] = {}
        self.waiting: dict[int, float] = {}

    def result(self) -> NoisyCircuit:
        """The circuit, on the qubits that occur."""
        used = [qubit for _, qubits, _ in self.steps for qubit in qubits]
        qubits = tuple(dict.fromkeys([*used, *self.readings.values()]))
        _require_known(qubits, self.noise)
        place = {qubit: i for i, qubit in enumerate(qubits)}
        count = self.num_params + len(self.strengths)
        functions = _Functions(count)
        steps = tuple(
            Step(form, tuple(place[q] for q in own), tuple(map(functions.linear, scalars)))
            for form, own, scalars in self.steps
        )
        template = Template(steps, count, tuple(functions.made))
        return NoisyCircuit(
            template,
            qubits,
            self.readings,
            self.strengths,
            tuple(self.noisy),
            tuple(self.unknown),
            self.waiting,
        )

    def add(self, placed: PlacedOperation) -> None:
        """Add an instruction with the noise behind it."""
        operation, qubits = placed.operation, placed.qubits
        if isinstance(operation, Barrier):
            return
        channels = self.noise.after(*placed.key)
        if isinstance(operation, Measure):
            self.readings[placed.clbits[0]] = qubits[0]
            if is_readout(channels):  # then the confusion matrix has it, in any basis
                self.noisy |= dict.fromkeys([placed.key] if channels else [])
                return
        elif isinstance(operation, Delay):
            seconds = _seconds(operation, self.dt)
            self.waiting[qubits[0]] = self.waiting.get(qubits[0], 0.0) + seconds
            channels = (*channels, *self.noise.idle(qubits[0], seconds))
        elif isinstance(operation, Reset):
            self.steps.append((RESET_ERROR, qubits, [1.0, 0.0]))
        else:
            self._add_gate(placed)
        if channels:
            self.noisy[placed.key] = None
        self.add_noise(placed.key, channels)

    def add_noise(self, key: Instruction | None, channels: Iterable[NoiseChannel]) -> None:
        """Add channels, whose strength is that of an instruction."""
        number = self.strengths.index(key if key in self.strengths else STRENGTH_OF_REST)
        for own in channels:
            terms = zip(own.at_zero, own.slopes, strict=True)
            scalars = [
                Linear(start, ((self.num_params + number, slope),) if slope else ())
                for start, slope in terms
            ]
            self.steps.append((own.form, own.qubits, scalars))

    def _add_gate(self, placed: PlacedOperation) -> None:
        if isinstance(placed.operation, ControlFlowOp):
            raise DeviceError(
                f"{placed.operation.name!r} in the compiled circuit: a twin runs no control flow."
            )
        if not self.noise.knows(*placed.key):
            self.unknown[placed.key] = None
        for op in gate_operators(placed.operation, placed.qubits):
            if not has_no_effect(op):
                self.steps.append(_closed_form(op))


def _require_known(qubits: Sequence[int], noise: Noise) -> None:
    """Refuse qubits that the noise is not of."""
    count = noise.num_qubits
    if count is not None and any(qubit >= count for qubit in qubits):
        raise DeviceError(
            f"The circuit is compiled onto the qubits {sorted(qubits)}, and {noise.name} has the "
            f"noise of 0 to {count - 1} only. Give initial_layout=, or a compile_backend= of as "
            "many qubits."
        )


def _seconds(delay: Delay, dt: float | None) -> float:
    """How long a delay is."""
    if delay.unit != "dt":
        return float(apply_prefix(delay.duration, delay.unit))
    if dt is None:
        raise DeviceError(
            "The compiled circuit has delays in units of dt, and the backend does not say how "
            "long dt is."
        )
    return float(delay.duration) * dt


def _closed_form(op: Operator) -> tuple[Any, tuple[int, ...], list[Any]]:
    """A gate as a closed form, its wires and parameters."""
    wires = tuple(op.wires)
    known = known_gate(op)
    if known is not None and known.family is not None:
        return known.family.form, wires, list(known.family.scalars(op))
    if any(isinstance(value, ParameterExpression) for value in op.data):
        raise DeviceError(f"The twin has no closed form of {op.name} with parameters.")
    if len(wires) > MAX_TRANSFER_WIRES:
        raise DeviceError(
            f"The compiled circuit has {op.name} on {len(wires)} qubits; a twin runs gates on up "
            f"to {MAX_TRANSFER_WIRES}. Its backend should not have larger ones."
        )
    matrices = op.kraus_matrices() if has_kraus_matrices(op) else [op.matrix()]
    kraus = torch.as_tensor(np.stack(matrices).astype(complex))
    return constant(op.name, kraus_transfer(kraus)), wires, []


class _Functions:
    """Parameters of gates as linear functions of the template's parameters.

    What is no linear function becomes a further parameter.

    Args:
        first: the number of the first further parameter.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self.made: list[Callable[[Sequence[Any]], Any]] = []

    def linear(self, value: Any) -> Linear:
        """One parameter of a gate."""
        if isinstance(value, Linear):
            return value
        if not isinstance(value, ParameterExpression):
            return Linear(float(value))
        slopes = {p: value.gradient(p) for p in value.parameters}
        if any(isinstance(slope, ParameterExpression) for slope in slopes.values()):
            self.made.append(partial(_evaluated, value))
            return Linear(0.0, ((self.first + len(self.made) - 1, 1.0),))
        offset = float(value.bind(dict.fromkeys(value.parameters, 0.0)).numeric())
        terms = ((p.index, float(slope)) for p, slope in slopes.items())
        return Linear(offset, tuple(sorted(terms)))


def _evaluated(expression: ParameterExpression, params: Sequence[Any]) -> Any:
    """The value of an expression in elements of a vector."""
    values = {p: params[p.index] for p in expression.parameters}
    return compile_expression(expression)(values)
