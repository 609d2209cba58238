"""A PennyLane tape, lowered: a program, its numbers, and what is measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pennylane.ops import GlobalPhase
from pennylane.tape import QuantumScript
from torch import Tensor

from ..pauli.program.program import BoundProgram
from .context import Readout, TapeContext
from .measurements.measurement_plan import MeasurementPlan, measurement_plan
from .operations.compiled_circuit import CompiledCircuit
from .operations.program import lower_operations
from .wires import wire_map


@dataclass(frozen=True, eq=False)
class LoweredCircuit:
    """A tape that an engine can run.

    Args:
        tape: the tape.
        context: its wires and their readout error, dtype and device.
        program: its operations, with their numbers.
        measurements: what is measured.
        tensors: its parameters that are torch's.
    """

    tape: QuantumScript
    context: TapeContext
    program: BoundProgram
    measurements: MeasurementPlan
    tensors: tuple[Tensor, ...]

    @property
    def is_batched(self) -> bool:
        """Whether results have a batch axis."""
        return self.program.batch_size is not None

    @property
    def phases(self) -> tuple[Tensor, ...]:
        """Global phases, which no measurement sees, as far as they are torch's."""
        phases = [op.data[0] for op in self.tape.operations if isinstance(op, GlobalPhase)]
        return tuple(phase for phase in phases if isinstance(phase, Tensor))


def lower(
    tape: QuantumScript, dtype: torch.dtype, confusion: Readout | None = None
) -> LoweredCircuit:
    """Lower a tape that preprocessing has accepted.

    Args:
        tape: the tape.
        dtype: real dtype of the simulation.
        confusion: the readout error, if any; a compiled circuit may bring another one.

    Raises:
        ValueError: if a parameter is outside its range, or an observable or an operand is not what
            it should be.
    """
    integer_wires = wire_map(tape)
    confusion = _readout_of(tape) or confusion
    tensors = tuple(x for op in tape.operations for x in op.data if isinstance(x, Tensor))
    context = TapeContext(
        integer_wires,
        {} if confusion is None else confusion.on(integer_wires),
        None if confusion is None else confusion.key,
        dtype,
        next((x.device for x in tensors if x.is_cuda), torch.device("cpu")),
    )
    measurements = measurement_plan(tape.measurements, context, is_sampled=bool(tape.shots))
    program = lower_operations(tape.operations, integer_wires, measurements.observed, context)
    return LoweredCircuit(tape, context, program, measurements, tensors)


def _readout_of(tape: QuantumScript) -> Readout | None:
    """The readout error that a compiled circuit brings."""
    brought = (op.readout for op in tape.operations if isinstance(op, CompiledCircuit))
    return next((readout for readout in brought if readout is not None), None)
