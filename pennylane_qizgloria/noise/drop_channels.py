"""The transform that takes noise out of circuits, for hardware and its twins."""

from __future__ import annotations

from collections.abc import Sequence

from pennylane.devices.preprocess import null_postprocessing
from pennylane.tape import QuantumScript
from pennylane.transforms.core import transform
from pennylane.typing import PostprocessingFn

from ..lowering.operations.operations import has_kraus_matrices


@transform
def drop_channels(tape: QuantumScript) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Take all channels out of a circuit.

    Hardware has its own noise and runs no channels, so a circuit that was written with them runs
    there, and on a twin of it, without.

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
    operations = [op for op in tape.operations if not has_kraus_matrices(op)]
    return (tape.copy(operations=operations),), null_postprocessing
