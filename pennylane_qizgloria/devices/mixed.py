"""The device ``qizgloria.mixed``: exact simulation of noisy circuits."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.resources import files
from typing import Any

import numpy as np
import pennylane as qml
import torch
from pennylane.devices import Device, ExecutionConfig
from pennylane.devices.capabilities import (
    DeviceCapabilities,
    observable_stopping_condition_factory,
)
from pennylane.devices.modifiers import simulator_tracking, single_tape_support
from pennylane.devices.preprocess import (
    decompose,
    no_sampling,
    null_postprocessing,
    validate_device_wires,
    validate_measurements,
    validate_observables,
)
from pennylane.exceptions import DeviceError
from pennylane.math import Interface
from pennylane.measurements import MeasurementProcess, SampleMeasurement, StateMeasurement
from pennylane.operation import Operator
from pennylane.tape import QuantumScript, QuantumScriptBatch
from pennylane.transforms.core import CompilePipeline, transform
from pennylane.typing import PostprocessingFn

from ..lowering.operations import is_native
from ..lowering.readout import readout_model
from ..simulation import Conditions, Result, simulate, take_snapshots
from .random import random_source

_OPTIONS = ("random", "r_dtype")
"""Device options: settings that an execution configuration may override for one call."""

_BACKPROP_INTERFACES = {Interface.TORCH, Interface.NUMPY, Interface.AUTO}


@simulator_tracking
@single_tape_support
class QizgloriaMixed(Device):
    r"""An exact simulator of mixed states, differentiable in everything, in torch.

    A density matrix of n wires is held as the real vector of its :math:`4^n` Pauli expectation
    values; gates and channels are real transfer matrices that are fused before they are applied.

    Args:
        wires (int, Iterable[Hashable]): the number of wires or their labels. Without it the device
            takes whatever wires a circuit has. Wires that a circuit does not use cost nothing.
        shots (int, Sequence): deprecated by PennyLane in favour of ``qml.set_shots``.
        seed (str, int, numpy.random.Generator, jax.random.PRNGKey, ...): where shots come from.
            ``"global"`` takes a seed from NumPy's global generator, None one from the system,
            anything else is given to ``numpy.random.default_rng``. A JAX key gives JAX's numbers.
        readout_prob: readout error at each measured wire, after the diagonalizing gates: a
            probability p of a flip, a pair ``(p(1|0), p(0|1))``, a dict from wires to either, or
            an array of confusion matrices ``[[p(0|0), p(1|0)], [p(0|1), p(1|1)]]``, one for each
            wire. States and entropies are exact all the same.
        r_dtype (numpy.dtype, torch.dtype): real dtype of the simulation, float64 or float32.
        c_dtype (numpy.dtype, torch.dtype): complex dtype, as another way to say the same.

    Raises:
        TypeError: if ``readout_prob`` is none of these.
        ValueError: if a readout probability is outside [0, 1] or fits no wire, or a dtype is not
            one of single or double precision.

    **Example**

    >>> dev = qml.device("qizgloria.mixed", wires=2)
    >>> @qml.qnode(dev, interface="torch")
    ... def circuit(x, p):
    ...     qml.RX(x, wires=0)
    ...     qml.CNOT([0, 1])
    ...     qml.DepolarizingChannel(p, wires=1)
    ...     return qml.expval(qml.Z(0) @ qml.Z(1))
    >>> p = torch.tensor(0.03, dtype=torch.float64, requires_grad=True)
    >>> value = circuit(torch.tensor(0.4), p)
    >>> value
    tensor(0.9600, dtype=torch.float64, grad_fn=<SelectBackward0>)
    >>> value.backward()
    >>> p.grad
    tensor(-1.3333, dtype=torch.float64)
    """

    name = "qizgloria.mixed"
    config_filepath = str(files("pennylane_qizgloria.tomls") / "mixed.toml")

    def __init__(
        self,
        wires: Any = None,
        shots: Any = None,
        seed: Any = "global",
        readout_prob: Any = None,
        r_dtype: Any = None,
        c_dtype: Any = None,
    ) -> None:
        super().__init__(wires=wires, shots=shots)
        self._readout = readout_model(readout_prob, self.wires)
        self._random = random_source(seed)
        self._r_dtype = _precision(r_dtype, c_dtype)
        self._debugger = None

    def supports_derivatives(
        self,
        execution_config: ExecutionConfig | None = None,
        circuit: QuantumScript | None = None,
    ) -> bool:
        """Whether the device differentiates by itself: by backpropagation, in torch, exactly."""
        if circuit is not None and circuit.shots:
            return False
        if execution_config is None:
            return True
        interface = Interface(execution_config.interface)
        method = execution_config.gradient_method
        return method in {"backprop", "best"} and interface in _BACKPROP_INTERFACES

    def setup_execution_config(
        self, config: ExecutionConfig | None = None, circuit: QuantumScript | None = None
    ) -> ExecutionConfig:
        """Fill in what the configuration leaves open.

        Raises:
            DeviceError: if it names an option that the device does not have, or a method for
                mid-circuit measurements other than deferring them.
        """
        config = config or ExecutionConfig()
        unknown = [option for option in config.device_options if option not in _OPTIONS]
        if unknown:
            raise DeviceError(
                f"{self.name} has no device option {unknown[0]!r}; it has {', '.join(_OPTIONS)}."
            )
        if config.mcm_config.mcm_method not in {None, "deferred"}:
            raise DeviceError(
                f"{self.name} defers mid-circuit measurements; "
                f"mcm_method={str(config.mcm_config.mcm_method)!r} is not supported."
            )
        updates: dict[str, Any] = {}
        if config.gradient_method in {"best", "backprop"}:
            updates.update(gradient_method="backprop", use_device_gradient=True)
        if config.grad_on_execution is None:
            updates["grad_on_execution"] = False
        options = {option: getattr(self, f"_{option}") for option in _OPTIONS}
        updates["device_options"] = options | dict(config.device_options)
        updates["mcm_config"] = replace(config.mcm_config, mcm_method="deferred")
        return replace(config, **updates)

    def preprocess_transforms(
        self, execution_config: ExecutionConfig | None = None
    ) -> CompilePipeline:
        """The transforms that turn any circuit into one that the device runs, or refuse it."""
        config = execution_config or ExecutionConfig()
        exact = self.capabilities.filter(finite_shots=False)
        sampled = self.capabilities.filter(finite_shots=True)
        program = CompilePipeline()
        # Wires are checked first: deferring measurements adds wires that the user need not have.
        program.add_transform(validate_device_wires, self.wires, name=self.name)
        program.add_transform(qml.defer_measurements, allow_postselect=False)
        program.add_transform(
            decompose,
            stopping_condition=self._runs,
            target_gates=self.capabilities.gate_set(),
            name=self.name,
        )
        program.add_transform(
            validate_measurements,
            analytic_measurements=partial(_accepts, exact, StateMeasurement),
            sample_measurements=partial(_accepts, sampled, SampleMeasurement),
            name=self.name,
        )
        program.add_transform(
            validate_observables,
            stopping_condition=observable_stopping_condition_factory(exact),
            stopping_condition_shots=observable_stopping_condition_factory(sampled),
            name=self.name,
        )
        if config.gradient_method == "backprop":
            program.add_transform(no_sampling, name=f"backprop + {self.name}")
        if self._readout is not None:
            program.add_transform(_warn_exact_despite_readout)
        return program

    def execute(
        self, circuits: QuantumScriptBatch, execution_config: ExecutionConfig | None = None
    ) -> tuple[Result, ...]:
        """Run circuits that preprocessing has accepted.

        Returns:
            One result for each circuit, in PennyLane's shapes: torch tensors where a circuit has
            torch parameters or backpropagates through torch, numpy arrays otherwise.
        """
        config = execution_config or ExecutionConfig()
        conditions = self._conditions(config)
        if self._debugger is not None and self._debugger.active:
            for circuit in circuits:
                self._debugger.snapshots.update(take_snapshots(circuit, conditions))
        return tuple(simulate(circuit, conditions) for circuit in circuits)

    def _conditions(self, config: ExecutionConfig) -> Conditions:
        options = config.device_options
        as_torch = (
            config.gradient_method == "backprop" and Interface(config.interface) is Interface.TORCH
        )
        return Conditions(
            dtype=options.get("r_dtype", self._r_dtype),
            readout=self._readout,
            random=options.get("random", self._random),
            as_torch=as_torch,
        )

    def _runs(self, op: Operator) -> bool:
        """Whether an operation is run as it is; what is not gets decomposed."""
        if self.capabilities.supports_operation(op):
            return is_native(op)
        # An operator of the user's own, say: if there is no other way, its matrix will do.
        is_qubit_gate = op.has_matrix and op.name not in qml.ops.qutrit.__all__
        return is_qubit_gate and not op.has_decomposition


def _accepts(
    capabilities: DeviceCapabilities, extensible: type, process: MeasurementProcess
) -> bool:
    """Whether a measurement process is listed, or of the user's own on PennyLane's base class."""
    own = not type(process).__module__.startswith("pennylane.")
    listed = type(process).__name__ in capabilities.measurement_processes
    return listed or (own and isinstance(process, extensible))


def _precision(r_dtype: Any, c_dtype: Any) -> torch.dtype:
    """The real dtype that r_dtype or c_dtype asks for; double precision if neither does."""
    known = {"float64": torch.float64, "complex128": torch.float64}
    known |= {"float32": torch.float32, "complex64": torch.float32}
    asked = [dtype for dtype in (r_dtype, c_dtype) if dtype is not None]
    names = [str(d) if isinstance(d, torch.dtype) else np.dtype(d).name for d in asked]
    names = [name.removeprefix("torch.") for name in names]
    for name in names:
        if name not in known:
            raise ValueError(
                f"qizgloria.mixed computes in single or double precision, not in {name}: "
                "r_dtype is float32 or float64, c_dtype complex64 or complex128."
            )
    chosen = {known[name] for name in names} or {torch.float64}
    if len(chosen) > 1:
        raise ValueError(
            f"r_dtype and c_dtype must be of one precision, got {' and '.join(names)}."
        )
    return chosen.pop()


@transform
def _warn_exact_despite_readout(
    tape: QuantumScript,
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Say which measurements a readout error has no part in."""
    exact = (
        qml.measurements.StateMP,
        qml.measurements.PurityMP,
        qml.measurements.VnEntropyMP,
        qml.measurements.MutualInfoMP,
    )
    for process in tape.measurements:
        if isinstance(process, exact):
            warnings.warn(f"Measurement {process} is not affected by readout error.", stacklevel=2)
    return (tape,), null_postprocessing
