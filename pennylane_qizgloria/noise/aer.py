"""The noise of Aer's noise models: quantum errors behind instructions, and readout errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from qiskit.quantum_info import PTM, SuperOp

from .._compat.qiskit import AerErrors, aer_errors
from ..tolerances import TRACE_OF_ERROR
from ..user_warnings import warn
from .channel import NoiseChannel, general_channel, relaxation_channel
from .pauli_lindblad import channels_of_map, map_of_error
from .source import Instruction, Noise, Readout


class AerNoise(Noise):
    """The noise of a ``qiskit_aer.noise.NoiseModel``.

    Args:
        model: the noise model. It is read here; later changes to it have no effect.

    Raises:
        ValueError: if an error does not preserve the trace, or readout errors are of several
            qubits together.
    """

    def __init__(self, model: Any) -> None:
        super().__init__("Aer's noise model", None)
        self.errors: AerErrors = aer_errors(model)
        self._known: dict[tuple[int, tuple[int, ...]], tuple[NoiseChannel, ...]] = {}
        for qubits in self.errors.local_readout:
            if len(qubits) != 1:
                raise ValueError(
                    f"noise_model has a readout error of the qubits {qubits} together; a twin has "
                    "readout errors of single qubits. Give each qubit its own."
                )
        for name, qubits in self.instructions():
            self.after(name, qubits)
        for own in self.errors.passes:
            self._note(own)

    def _note(self, own: Any) -> None:
        """Take a pass's time step, and say what of it is not simulated."""
        if _is_relaxation(own):
            self.dt = own.dt
            if not own.is_of_gates:
                return
            sentence = "The relaxation of gates by a RelaxationNoisePass is not simulated."
        else:
            sentence = f"The noise pass {type(own).__name__} is not simulated."
        self.ignored.append(sentence)
        warn(f"noise_model: {sentence} Add quantum errors to the model instead.")

    def instructions(self) -> list[Instruction]:
        """Those that have errors on qubits of their own."""
        return list(self.errors.local)

    def after(self, name: str, qubits: tuple[int, ...]) -> tuple[NoiseChannel, ...]:
        """The error of an instruction on its qubits; if there is none, that on all qubits."""
        error = self.errors.local.get((name, qubits), self.errors.default.get(name))
        if error is None or error.num_qubits != len(qubits):
            return ()
        key = (id(error), qubits)
        if key not in self._known:
            self._known[key] = _channels(error, qubits, name)
        return self._known[key]

    def readout(self, qubit: int) -> Readout | None:
        """The readout error of a qubit; if it has none, that of all qubits."""
        error = self.errors.local_readout.get((qubit,), self.errors.default_readout)
        if error is None:
            return None
        probabilities = np.asarray(error.probabilities)
        return float(probabilities[0, 1]), float(probabilities[1, 0])

    def idle(self, qubit: int, seconds: float) -> tuple[NoiseChannel, ...]:
        """Relaxation, where the model has a pass that lets qubits relax during delays."""
        found = []
        for own in filter(_is_relaxation, self.errors.passes):
            if qubit >= len(own.t1s):
                raise ValueError(
                    f"{self.name} lets the qubits 0 to {len(own.t1s) - 1} relax during delays; it "
                    f"does not say how qubit {qubit} does."
                )
            t1, t2, excited = own.times(qubit)
            channel = relaxation_channel(t1, t2, seconds, qubit, excited)
            if channel is not None:
                found.append(channel)
        return tuple(found)


def _is_relaxation(own: Any) -> bool:
    return hasattr(own, "times")


def _channels(error: Any, qubits: tuple[int, ...], name: str) -> tuple[NoiseChannel, ...]:
    """An error as channels."""
    where = f"noise_model: the error of {name!r} on the qubits {list(qubits)}"
    if hasattr(error, "rates"):
        return tuple(channels_of_map(map_of_error(error), qubits, where))
    matrix = PTM(SuperOp(error)).data.real
    expected = np.eye(len(matrix))[0]
    if np.abs(matrix[0] - expected).max() > TRACE_OF_ERROR:
        raise ValueError(
            f"{where} does not preserve the trace: it is off by "
            f"{np.abs(matrix[0] - expected).max():.2g}."
        )
    # Qiskit's first qubit is the least significant one.
    transfer = torch.as_tensor(np.ascontiguousarray(matrix))
    return (general_channel(transfer, qubits[::-1], "quantum error"),)
