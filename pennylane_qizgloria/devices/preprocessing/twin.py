"""What happens to a circuit before `qizgloria.mixed` runs it with the noise of a backend.

It is the same as on `qizgloria.qiskit`, so that a circuit that runs here runs there.
"""

from __future__ import annotations

from collections.abc import Sequence

import pennylane as qml
from pennylane.devices.capabilities import DeviceCapabilities
from pennylane.devices.preprocess import null_postprocessing, validate_device_wires
from pennylane.exceptions import DeviceError
from pennylane.ops import MidMeasure
from pennylane.tape import QuantumScript
from pennylane.transforms.core import CompilePipeline, transform
from pennylane.typing import PostprocessingFn
from pennylane.wires import Wires

from ...lowering.operations.compiled_circuit import CompiledCircuit
from ...noise.pennylane_model import ModelTwin
from ...noise.twin import Twin
from ...qiskit.convert.channels import is_channel
from ...qiskit.measurements.measurement_splitting import expand_operands
from ..configuration.validation import naming
from .mixed import add_validation, preprocessing, warn_exact_despite_readout
from .qiskit import expand_gates, require_qubits
from .real_parameters import require_real_parameters


def twin_preprocessing(
    twin: Twin | ModelTwin,
    name: str,
    wires: Wires | None,
    capabilities: DeviceCapabilities,
    analytic_only: str | None,
    first_order: bool,
    is_trained: bool,
) -> CompilePipeline:
    """The compile pipeline of a device with a twin.

    Args:
        twin: the twin.
        name: the device's, for error messages.
        wires: the device's.
        capabilities: what its TOML file says.
        analytic_only: the gradient method that allows no shots, if there is one.
        first_order: whether derivatives have no derivatives themselves.
        is_trained: whether derivatives by the scale of the noise are taken.
    """
    if isinstance(twin, ModelTwin):
        pipeline = CompilePipeline()
        pipeline.add_transform(_add_noise, twin=twin, name=name, is_trained=is_trained)
        rest = preprocessing(name, wires, capabilities, analytic_only, False, first_order)
        return pipeline + rest
    compilation = CompilePipeline()
    compilation.add_transform(validate_device_wires, wires, name=name)
    compilation.add_transform(_require_gates, name=name)
    compilation.add_transform(require_real_parameters, name=name)
    compilation.add_transform(expand_gates, name=name)
    # What templates pass on, and channels in them, is seen in what they decompose into only.
    compilation.add_transform(require_real_parameters, name=name)
    compilation.add_transform(_require_gates, name=name)
    compilation.add_transform(require_qubits, name=name, max_qubits=twin.noise.num_qubits)
    add_validation(compilation, name, capabilities)
    compilation.add_transform(expand_operands)
    # Here, where wires have their own names.
    compilation.add_transform(warn_exact_despite_readout)
    compilation.add_transform(_on_qubits, twin=twin, name=name, is_trained=is_trained)
    pipeline = CompilePipeline()
    pipeline.add_transform(_unless_compiled, compilation)
    return pipeline + preprocessing(name, None, capabilities, analytic_only, False, first_order)


@transform
def _unless_compiled(
    tape: QuantumScript, compilation: CompilePipeline
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Compile a tape, but not one that is: shifts of it come with other measurements."""
    if any(isinstance(op, CompiledCircuit) for op in tape.operations):
        return (tape,), null_postprocessing
    tapes, combine = compilation((tape,))
    return tapes, lambda results: combine(results)[0]


@transform
def _require_gates(
    tape: QuantumScript, name: str
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Refuse what a circuit for a backend cannot have, or loses when it is compiled."""
    for op in tape.operations:
        if is_channel(op):
            raise DeviceError(
                f"{name}: the circuit has {op.name} on wires {op.wires.tolist()}, and noise_model= "
                "gives it the noise of a backend, which runs no channels. Take the circuit's own "
                "channels out with pennylane_qizgloria.noise.drop_channels(circuit), or leave "
                "noise_model out."
            )
        if isinstance(op, MidMeasure):
            raise DeviceError(
                f"{name}: the circuit measures wire {op.wires[0]} before its end, which a twin "
                "(noise_model=) does not simulate. Run it on qizgloria.qiskit with shots."
            )
        if isinstance(op, qml.Snapshot):
            raise DeviceError(
                f"{name}: the circuit has a Snapshot, and is compiled for a backend "
                "(noise_model=), where there is no such place any more. Leave one of them out."
            )
    return (tape,), null_postprocessing


@transform
def _add_noise(
    tape: QuantumScript, twin: ModelTwin, name: str, is_trained: bool
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Give a tape the noise of a model."""
    with naming(name):
        return twin.with_noise(tape, is_trained)


@transform
def _on_qubits(
    tape: QuantumScript, twin: Twin, name: str, is_trained: bool
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Run a tape on the qubits of a twin."""
    with naming(name):
        return (twin.on_qubits(tape, is_trained),), null_postprocessing
