"""Twins of a `qml.NoiseModel`: PennyLane's `qml.add_noise` on circuits as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
import torch
from pennylane.operation import Operator
from pennylane.tape import QuantumScript
from pennylane.typing import PostprocessingFn
from torch import Tensor

from ..lowering.operations.compiled_circuit import CompiledCircuit, Linear, Step, Template
from ..lowering.operations.operations import has_kraus_matrices, has_no_effect
from ..pauli.caching import cached
from ..pauli.maps.transfer import kraus_transfer
from .channel import NoiseChannel, general_channel
from .scale import Scaled


class ModelTwin(Scaled):
    """The noise of a `qml.NoiseModel`.

    Args:
        model: the noise model. Its readout errors are channels before the measurements.

    Attributes:
        last: the noise of the circuit that was made last, which traced modules do once; None if
            none was.
    """

    def __init__(self, model: qml.NoiseModel) -> None:
        super().__init__()
        self.model = model
        self.last: tuple[Operator, ...] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What is copied: not the last circuit, whose numbers may have a graph."""
        return self.__dict__ | {"last": None}

    def with_noise(
        self, tape: QuantumScript, is_trained: bool
    ) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
        """A tape with the model's noise, scaled; several where measurements have errors apart.

        Args:
            tape: the circuit.
            is_trained: whether derivatives by the scale are taken.

        Raises:
            ValueError: if noise is scaled whose strengths are trained, or that is a gate.
        """
        scale = self.scale_now(is_trained)
        tapes, combine = qml.add_noise(tape, self.model)
        own = {id(op) for op in tape.operations}

        def is_noise(op: Operator) -> bool:
            return id(op) not in own and not has_no_effect(op)

        self.last = tuple(op for noisy in tapes for op in noisy.operations if is_noise(op))
        if isinstance(scale, float) and scale == 1:
            return tapes, combine
        return [
            noisy.copy(
                operations=[_scaled(op, scale) if is_noise(op) else op for op in noisy.operations]
            )
            for noisy in tapes
        ], combine


def _scaled(op: Operator, scale: float | Tensor) -> CompiledCircuit:
    """A channel, scaled as `noise.channel` says."""
    if not has_kraus_matrices(op):
        raise ValueError(
            f"noise_scale={scale} scales channels, and the noise model has the gate {op.name}. "
            "Leave noise_scale out, or write the noise as a channel."
        )
    if any(isinstance(value, Tensor) and value.requires_grad for value in op.data):
        raise ValueError(
            f"noise_scale={scale} scales {op.name}, whose strength is trained: the gradient with "
            "respect to it would be lost. Leave noise_scale out, and multiply the strengths in "
            "the noise model."
        )
    return CompiledCircuit(scale, wires=op.wires, template=_template(channel_of(op)))


def channel_of(op: Operator) -> NoiseChannel:
    """A channel or a gate as noise, whose qubits are its wires, numbered."""
    matrices = op.kraus_matrices() if has_kraus_matrices(op) else [op.matrix()]
    kraus = np.stack([qml.math.toarray(own) for own in matrices]).astype(complex)
    return _channel(kraus.tobytes(), kraus.shape)


@cached(maxsize=1024)
def _channel(kraus: bytes, shape: tuple[int, ...]) -> NoiseChannel:
    matrices = torch.as_tensor(np.frombuffer(kraus, dtype=complex).reshape(shape).copy())
    wires = tuple(range(shape[-1].bit_length() - 1))
    return general_channel(kraus_transfer(matrices), wires)


@cached(maxsize=1024)
def _template(channel: NoiseChannel) -> Template:
    scalars = tuple(map(_in_strength, channel.at_zero, channel.slopes))
    return Template((Step(channel.form, channel.qubits, scalars),), 1)


def _in_strength(at_zero: float, slope: float) -> Linear:
    return Linear(at_zero, ((0, slope),))
