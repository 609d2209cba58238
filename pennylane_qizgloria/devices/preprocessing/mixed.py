"""The transforms that turn any circuit into one that ``qizgloria.mixed`` runs, or refuse it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pennylane as qml
from pennylane.devices.capabilities import (
    DeviceCapabilities,
    observable_stopping_condition_factory,
)
from pennylane.devices.preprocess import (
    decompose,
    no_sampling,
    null_postprocessing,
    validate_device_wires,
    validate_measurements,
    validate_observables,
)
from pennylane.exceptions import DeviceError
from pennylane.measurements import (
    MeasurementProcess,
    MutualInfoMP,
    PurityMP,
    SampleMeasurement,
    StateMeasurement,
    StateMP,
    VnEntropyMP,
)
from pennylane.operation import Operator
from pennylane.ops import MidMeasure
from pennylane.tape import QuantumScript
from pennylane.transforms.core import CompilePipeline, transform
from pennylane.typing import PostprocessingFn
from pennylane.wires import Wires

from ...lowering.measurements.readout import MeasuredCopy
from ...lowering.operations.closed_forms import family_of_kind, innermost, known_gate
from ...lowering.operations.compiled_circuit import CompiledCircuit
from ...lowering.operations.decompositions import decomposition, has_decomposition
from ...lowering.operations.operations import has_kraus_matrices, is_native
from ...user_warnings import warn
from ..interfaces.first_order import refuse_second_derivatives


def preprocessing(
    name: str,
    wires: Wires | None,
    capabilities: DeviceCapabilities,
    analytic_only: str | None,
    has_readout_error: bool,
    first_order: bool,
) -> CompilePipeline:
    """The device's compile pipeline.

    Args:
        name: the device's, for error messages.
        wires: the device's.
        capabilities: what its TOML file says.
        analytic_only: the gradient method that allows no shots, if there is one.
        has_readout_error: whether to say what it does not act on.
        first_order: whether derivatives have no derivatives themselves.
    """
    pipeline = CompilePipeline()
    # Wires are checked first: deferring measurements adds wires that the user need not have.
    pipeline.add_transform(validate_device_wires, wires, name=name)
    pipeline.add_transform(_defer_measurements, name=name)
    pipeline.add_transform(
        decompose,
        stopping_condition=_Runs(capabilities),
        decomposer=decomposition,
        target_gates=capabilities.gate_set(),
        name=name,
    )
    add_validation(pipeline, name, capabilities)
    if analytic_only is not None:
        pipeline.add_transform(no_sampling, name=f"{analytic_only} + {name}")
    if has_readout_error:
        pipeline.add_transform(warn_exact_despite_readout)
    if first_order:
        pipeline.add_transform(refuse_second_derivatives)
    return pipeline


def add_validation(pipeline: CompilePipeline, name: str, capabilities: DeviceCapabilities) -> None:
    """Add the transforms that refuse measurements and observables that a device does not have.

    Args:
        pipeline: of the device.
        name: the device's, for error messages.
        capabilities: what its TOML file says, with and without shots.
    """
    exact = capabilities.filter(finite_shots=False)
    sampled = capabilities.filter(finite_shots=True)
    analytic_measurements = partial(accepts, exact, StateMeasurement)
    sample_measurements = partial(accepts, sampled, SampleMeasurement)
    pipeline.add_transform(_require_shots, analytic_measurements, sample_measurements, name)
    pipeline.add_transform(
        validate_measurements,
        analytic_measurements=analytic_measurements,
        sample_measurements=sample_measurements,
        name=name,
    )
    pipeline.add_transform(
        validate_observables,
        stopping_condition=observable_stopping_condition_factory(exact),
        stopping_condition_shots=observable_stopping_condition_factory(sampled),
        name=name,
    )


class _Runs:
    """Whether an operation is run as it is; what is not gets decomposed.

    Of most operations the type says so, and is asked once.

    Args:
        capabilities: what the device's TOML file says.
    """

    def __init__(self, capabilities: DeviceCapabilities) -> None:
        self.capabilities = capabilities
        self.kinds: dict[type[Operator], bool] = {}

    def __call__(self, op: Operator) -> bool:
        kind: Any = type(op)
        if kind is CompiledCircuit:
            return True
        if kind not in self.kinds:
            listed = self.capabilities.supports_operation(kind.__name__)
            self.kinds[kind] = listed and family_of_kind(kind) is not None
        return self.kinds[kind] or self._asked(op)

    def _asked(self, op: Operator) -> bool:
        # PennyLane's capabilities know no powers.
        asked = op if known_gate(op) is None else innermost(op)
        if self.capabilities.supports_operation(asked):
            return is_native(op)
        # An operator of the user's own, say: if there is no other way, its matrices will do.
        is_qubit_gate = op.has_matrix and op.name not in qml.ops.qutrit.__all__
        return (is_qubit_gate or has_kraus_matrices(op)) and not has_decomposition(op)


def accepts(
    capabilities: DeviceCapabilities, extensible: type, process: MeasurementProcess
) -> bool:
    """Whether a measurement process is listed, or of the user's own on PennyLane's base class."""
    kind = type(process)
    own = getattr(qml.measurements, kind.__name__, None) is not kind
    listed = kind.__name__ in capabilities.measurement_processes
    return listed or (own and isinstance(process, extensible))


@transform
def _require_shots(
    tape: QuantumScript,
    analytic: Callable[[MeasurementProcess], bool],
    sampled: Callable[[MeasurementProcess], bool],
    name: str,
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Say of measurements that only lack shots, or only have shots too many, how to mend it."""
    accepted, other = (sampled, analytic) if tape.shots else (analytic, sampled)
    for process in tape.measurements:
        if not accepted(process) and other(process):
            raise DeviceError(
                f"Measurement {process} not accepted with finite shots on {name}: its result is "
                "exact. Say qml.set_shots(circuit, None)."
                if tape.shots
                else f"Measurement {process} not accepted for analytic simulation on {name}: it "
                "needs a number of shots. Say qml.set_shots(circuit, 1000), for example."
            )
    return (tape,), null_postprocessing


@transform
def _defer_measurements(
    tape: QuantumScript, name: str
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Defer mid-circuit measurements to wires of their own that say which wire they stand for."""
    measurements = [op for op in tape.operations if isinstance(op, MidMeasure)]
    if not measurements:
        return (tape,), null_postprocessing
    for op in measurements:
        if op.postselect is not None:
            raise DeviceError(
                f"{name} does not postselect: {op}. Postselection is not allowed here; measure "
                "the probabilities of both outcomes, and divide by that of the one you want."
            )
    (deferred,), _ = qml.defer_measurements(tape, allow_postselect=False)
    copies: dict[Any, MeasuredCopy] = {}
    for op in deferred.operations:
        # A copy is first touched by the CNOT that makes it.
        if len(op.wires) == 2 and op.wires[1] not in {*tape.wires, *copies}:
            copies[op.wires[1]] = MeasuredCopy(op.wires[0], len(copies))
    (named,), _ = qml.map_wires(deferred, copies)
    return (named,), null_postprocessing


@transform
def warn_exact_despite_readout(
    tape: QuantumScript,
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Say which measurements a readout error has no part in."""
    for process in tape.measurements:
        if isinstance(process, (StateMP, PurityMP, VnEntropyMP, MutualInfoMP)):
            warn(f"Measurement {process} is not affected by readout error.")
    return (tape,), null_postprocessing
