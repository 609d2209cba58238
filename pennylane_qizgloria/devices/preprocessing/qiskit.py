"""What happens to a circuit before `qizgloria.qiskit` runs it.

PennyLane's own transforms check and decompose it; then it is split into tapes that one primitive
serves in one basis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pennylane as qml
from pennylane.devices.capabilities import DeviceCapabilities
from pennylane.devices.preprocess import null_postprocessing, validate_device_wires
from pennylane.exceptions import DeviceError
from pennylane.measurements import CountsMP, MeasurementProcess, ProbabilityMP
from pennylane.tape import QuantumScript
from pennylane.transforms.core import CompilePipeline, transform
from pennylane.typing import PostprocessingFn
from pennylane.wires import Wires

from ...qiskit.backends.validation import is_whole
from ...qiskit.convert.circuit_builder import expand
from ...qiskit.measurements.measurement_splitting import (
    EstimatorUse,
    expand_operands,
    is_estimated,
    split,
)
from ...user_warnings import warn
from ..interfaces.first_order import refuse_second_derivatives
from .mixed import add_validation
from .real_parameters import require_real_parameters

MAX_LISTED_WIRES = 30
"""Over how many wires a result may have an entry for each outcome; 8 GiB, at 8 bytes each."""


def preprocessing(
    name: str,
    wires: Wires | None,
    capabilities: DeviceCapabilities,
    defer: bool,
    exact: bool,
    use: EstimatorUse,
    has_sampler: bool,
    max_qubits: int | None,
    has_readout_error: bool,
    first_order: bool,
) -> CompilePipeline:
    """The device's compile pipeline.

    Args:
        name: the device's, for error messages.
        wires: the device's.
        capabilities: what its TOML file says.
        defer: whether mid-circuit measurements are deferred.
        exact: whether circuits may run without shots.
        use: which tapes the estimator serves.
        has_sampler: whether there is a sampler.
        max_qubits: how many qubits the backend has, if it says so.
        has_readout_error: whether the backend's noise model reads qubits wrongly.
        first_order: whether derivatives have no derivatives themselves.
    """
    pipeline = CompilePipeline()
    pipeline.add_transform(validate_device_wires, wires, name=name)
    pipeline.add_transform(_require_shots, name=name, exact=exact)
    if defer:
        pipeline.add_transform(qml.defer_measurements, allow_postselect=False)
    pipeline.add_transform(require_real_parameters, name=name)
    pipeline.add_transform(expand_gates, name=name)
    # What templates pass on is seen in their gates only.
    pipeline.add_transform(require_real_parameters, name=name)
    pipeline.add_transform(require_qubits, name=name, max_qubits=max_qubits)
    add_validation(pipeline, name, capabilities)
    pipeline.add_transform(_require_returnable, name=name)
    pipeline.add_transform(expand_operands)
    pipeline.add_transform(_require_sampler, name, use, has_sampler)
    if has_readout_error:
        pipeline.add_transform(_warn_without_readout, name=name, use=use)
    if first_order:
        pipeline.add_transform(refuse_second_derivatives)
    pipeline.add_transform(split, use=use)
    return pipeline


@transform
def expand_gates(
    tape: QuantumScript, name: str
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Decompose what has no equivalent in Qiskit; one by one where a batch cannot be decomposed."""
    try:
        return (expand(tape, name),), null_postprocessing
    except ValueError as error:
        if tape.batch_size is None:
            raise DeviceError(str(error)) from error
    elements, combine = qml.transforms.broadcast_expand(tape)
    try:
        return tuple(expand(element, name) for element in elements), combine
    except ValueError as error:
        raise DeviceError(str(error)) from error


@transform
def _warn_without_readout(
    tape: QuantumScript, name: str, use: EstimatorUse
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Say where the readout error of Aer's noise model has no part in the results."""
    if tape.shots and use.sampled and any(map(is_estimated, tape.measurements)):
        warn(
            f"{name}: Aer's estimator leaves readout error out; samples have it "
            "(use_estimator=False)."
        )
    if not tape.shots:
        warn(
            f"{name}: exact results of Aer are not affected by readout error; with shots they are."
        )
    return (tape,), null_postprocessing


@transform
def _require_shots(
    tape: QuantumScript, name: str, exact: bool
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    if not tape.shots and not exact:
        raise DeviceError(
            f"{name} needs a number of shots on this backend: only Aer gives exact results. "
            "Say qml.set_shots(1000), for example."
        )
    for copies in tape.shots.shot_vector:
        if not is_whole(copies.shots):
            raise DeviceError(
                f"{name}: shots must be a positive integer, or a sequence of them; "
                f"got {copies.shots!r}."
            )
    return (tape,), null_postprocessing


@transform
def require_qubits(
    tape: QuantumScript, name: str, max_qubits: int | None
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Refuse circuits of more wires than the backend has qubits."""
    if max_qubits is not None and len(tape.wires) > max_qubits:
        raise DeviceError(
            f"{name}: the circuit has {len(tape.wires)} wires, the backend {max_qubits} qubits. "
            "(Measurements that are deferred take wires of their own.)"
        )
    return (tape,), null_postprocessing


@transform
def _require_returnable(
    tape: QuantumScript, name: str
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Refuse results of a length that no memory holds: their jobs would run in vain."""
    for process in tape.measurements:
        number = len(process.wires or tape.wires)
        if number > MAX_LISTED_WIRES and _lists_all_outcomes(process):
            raise DeviceError(
                f"{name}: {process} over {number} wires has 2**{number} entries, "
                f"{8 * 2.0**number:.2g} bytes at least. Up to {MAX_LISTED_WIRES} wires can be "
                "asked for; take fewer, or qml.counts(), which lists only the outcomes seen."
            )
    return (tape,), null_postprocessing


def _lists_all_outcomes(process: MeasurementProcess) -> bool:
    listed = isinstance(process, CountsMP) and process.all_outcomes
    return listed or isinstance(process, ProbabilityMP)


@transform
def _require_sampler(
    tape: QuantumScript, name: str, use: EstimatorUse, has_sampler: bool
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    if not use.serves(tape) and not has_sampler:
        wanting: Any = [p for p in tape.measurements if not is_estimated(p)] or tape.measurements
        raise DeviceError(f"{name} was given an estimator only, which does not serve {wanting[0]}.")
    return (tape,), null_postprocessing
