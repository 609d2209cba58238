"""The transform that takes noise out of circuits, for hardware and its twins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pennylane as qml
from pennylane.devices.preprocess import null_postprocessing
from pennylane.operation import Operator
from pennylane.ops import Conditional
from pennylane.tape import QuantumScript
from pennylane.transforms.core import transform
from pennylane.typing import PostprocessingFn

from ..lowering.operations.operations import has_kraus_matrices


@transform
def drop_channels(tape: QuantumScript) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Take all channels out of a circuit.

    Hardware has its own noise and runs no channels, so a circuit that was written with them runs
    there, and on a twin of it, without. Those inside templates and behind conditions are taken out,
    too.

    Args:
        tape: the circuit: a tape, a QNode or a quantum function.

    **Example**

    >>> @drop_channels
    ... @qml.qnode(qml.device("qizgloria.mixed", wires=1))
    ... def circuit():
    ...     qml.X(0)
    ...     qml.BitFlip(0.1, 0)
    ...     return qml.expval(qml.Z(0))
    >>> print(circuit())
    -1.0
    """
    with qml.QueuingManager.stop_recording():
        operations = list(_gates(tape.operations))
    return (tape.copy(operations=operations),), null_postprocessing


def _gates(operations: Iterable[Operator]) -> Iterator[Operator]:
    """Operators without the channels among them, in templates, or behind conditions."""
    for op in operations:
        if isinstance(op, Conditional):
            yield from (Conditional(op.meas_val, own) for own in _gates([op.base]))
        elif _has_channels(op):
            yield from _gates(op.decomposition())
        elif not has_kraus_matrices(op):
            yield op


def _has_channels(op: Operator) -> bool:
    """Whether an operator consists of several, among which there are channels."""
    # What has a matrix is a gate.
    if has_kraus_matrices(op) or op.has_matrix or not op.has_decomposition:
        return False
    return any(has_kraus_matrices(own) or _has_channels(own) for own in op.decomposition())
