"""Channels: Kraus instructions of Qiskit's for PennyLane's, and back.

A channel on qubits is written by its Kraus matrices, whose first qubit is the least significant in
Qiskit and whose first wire is the most significant in PennyLane.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.exceptions import DeviceError
from pennylane.operation import Channel, Operator
from qiskit.circuit import Instruction, Operation, QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.quantum_info import Kraus, SuperOp

from ..._compat.qiskit import quantum_error_of
from ...lowering.operations.closed_forms import CHANNELS
from ...lowering.operations.operations import has_kraus_matrices
from ...lowering.parameters import described
from ...tolerances import data_tolerance

NAME = "kraus"
"""Of the instruction that a channel becomes."""

_LOW = (np.dtype("float32"), np.dtype("float16"))


# --- from PennyLane to Qiskit ---------------------------------------------------------------------


def is_channel(op: Operator) -> bool:
    """Whether a PennyLane operator is a channel, or has nothing else to it than Kraus matrices."""
    return isinstance(op, Channel) or (has_kraus_matrices(op) and not op.has_decomposition)


def kraus_of(op: Operator) -> list[np.ndarray]:
    """The Kraus matrices of a channel as arrays.

    Raises:
        ValueError: if its parameters are broadcast, or are not numbers.
    """
    try:
        exact = _in_double_precision(op)
        matrices = [np.asarray(qml.math.to_numpy(own)) for own in exact.kraus_matrices()]
    except (TypeError, ValueError) as error:
        if type(op) in CHANNELS and not any(map(qml.math.ndim, op.data)):
            raise ValueError(f"{described(op)}: {CHANNELS[type(op)].domain}.") from error
        matrices = []
        cause: Exception | None = error
    else:
        cause = None
    size = 2 ** len(op.wires)
    if not matrices or any(own.shape != (size, size) for own in matrices):
        raise ValueError(
            f"{op.name} on wires {op.wires.tolist()} has no Kraus matrices of numbers, of shape "
            f"({size}, {size}) each: a Qiskit circuit holds one value of each strength. Convert "
            "circuits of a batch one by one."
        ) from cause
    return matrices


def _in_double_precision(op: Operator) -> Operator:
    """An operator whose real parameters are in double precision, if they were in a lower one.

    The Kraus matrices that PennyLane makes of strengths would not add up to 1.
    """
    data = [qml.math.to_numpy(own) if hasattr(own, "dtype") else own for own in op.data]
    low = [getattr(own, "dtype", None) in _LOW for own in data]
    if not any(low):
        return op
    exact = [own.astype(float) if is_low else own for own, is_low in zip(data, low, strict=True)]
    return qml.ops.functions.bind_new_parameters(op, exact)


def kraus_instruction(op: Operator) -> Instruction:
    """The Kraus instruction that does what a channel does; its qubits are the wires reversed.

    Raises:
        ValueError: if it does not preserve the trace.
    """
    matrices = kraus_of(op)
    total = sum(own.conj().T @ own for own in matrices)
    deviation = float(np.abs(total - np.eye(len(total))).max())
    if not deviation < data_tolerance(matrices):
        raise ValueError(
            f"{op.name} on wires {op.wires.tolist()} is no channel: the sum of K.conj().T @ K of "
            f"its Kraus matrices K is off 1 by {deviation:.3g}."
        )
    # Freed from rounding, which Qiskit allows less of.
    values, vectors = np.linalg.eigh(np.asarray(total, dtype=complex))
    inverse_root = (vectors * values**-0.5) @ vectors.conj().T
    return Kraus([own @ inverse_root for own in matrices]).to_instruction()


def require_channels(circuit: QuantumCircuit, backend: BackendV2 | None) -> None:
    """Refuse channels that a backend does not run.

    Args:
        circuit: that is to run.
        backend: that runs it; None if it is not known.

    Raises:
        DeviceError: if it does not have Kraus instructions.
    """
    if NAME not in _names(circuit):
        return
    if backend is None or NAME not in backend.target.operation_names:
        where = "The primitives given" if backend is None else f"The backend {backend.name!r}"
        raise DeviceError(
            f"qizgloria.qiskit: {where} runs gates, and no channels such as qml.BitFlip or those "
            "of qml.add_noise: it has noise of its own. Take them out with "
            "pennylane_qizgloria.noise.drop_channels(circuit); or take backend='aer', which runs "
            "channels, and has noise_model=; or the device qizgloria.mixed, which is exact, and "
            "whose noise_model= gives circuits without channels the noise of a backend."
        )


def exact_options(backend: BackendV2, circuits: Sequence[QuantumCircuit]) -> dict[str, Any]:
    """Options of a run with which Aer's results are exact, and no average over random trajectories.

    Left to choose, Aer runs channels on state vectors, and so it does noise on many qubits.

    Args:
        backend: an ``AerSimulator``.
        circuits: that it is to run.

    Raises:
        DeviceError: if the user has chosen a method that is not exact with noise.
    """
    model, method = backend.options.noise_model, backend.options.method
    is_noisy = model is not None and not model.is_ideal()
    if not is_noisy and not any(NAME in _names(circuit) for circuit in circuits):
        return {}
    if method == "automatic":
        return {"method": "density_matrix"}
    if method in ("density_matrix", "superop"):
        return {}
    raise DeviceError(
        f"qizgloria.qiskit: with noise Aer's method {method!r} averages over random trajectories, "
        "so there are no exact results. Leave method= out, take method='density_matrix', or ask "
        "for shots: qml.set_shots(1000)."
    )


def _names(circuit: QuantumCircuit) -> set[str]:
    """The names of the instructions in a circuit and in its branches."""
    names = set(circuit.count_ops())
    for instruction in circuit.data:
        for block in getattr(instruction.operation, "blocks", ()):
            names |= _names(block)
    return names


# --- from Qiskit to PennyLane ---------------------------------------------------------------------


def channels(op: Operation) -> Any:
    """How to make the PennyLane channels that do what an instruction does.

    Args:
        op: a ``Kraus`` or ``SuperOp`` instruction, or the instruction of one of Aer's errors, such
            as ``PauliLindbladError``.

    Returns:
        A function as `gates.operators` gives it; None if the instruction is no channel.

    >>> from qiskit.quantum_info import Kraus
    >>> flip = Kraus([np.sqrt(0.9) * np.eye(2), np.sqrt(0.1) * np.eye(2)[::-1]]).to_instruction()
    >>> (channel,) = channels(flip)((), ["a"])
    >>> channel.name, channel.wires.tolist()
    ('QubitChannel', ['a'])
    """
    error = quantum_error_of(op)
    if error is not None and hasattr(error, "generators"):
        return _pauli_lindblad(error.generators.to_labels(), np.asarray(error.rates))
    if error is not None:
        return _kraus(Kraus(error).data)
    if op.name == NAME:
        return _kraus(op.params)
    if op.name == "superop":
        return _kraus(Kraus(SuperOp(np.asarray(op.params[0]))).data)
    return None


def _kraus(matrices: Any) -> Any:
    def make(_: Sequence[Any], wires: Sequence[Any]) -> list[Operator]:
        return [qml.QubitChannel(list(matrices), wires=wires[::-1])]

    return make


def _pauli_lindblad(labels: Sequence[str], rates: np.ndarray) -> Any:
    r"""The product of commuting channels, one for each Pauli word P of rate :math:`\lambda`.

    :math:`\rho\mapsto (1-p)\rho + p P\rho P` with :math:`p = (1 - e^{-2\lambda})/2` (van den Berg
    et al., Nature Physics 19:1116, 2023). The last Pauli is that of the first qubit.
    """

    def make(_: Sequence[Any], wires: Sequence[Any]) -> list[Operator]:
        made = []
        for label, rate in zip(labels, rates, strict=True):
            paulis = {w: x for x, w in zip(reversed(label), wires, strict=True) if x != "I"}
            if paulis:
                probability = -np.expm1(-2 * rate) / 2
                made.append(qml.PauliError("".join(paulis.values()), probability, wires=[*paulis]))
        return made

    return make
