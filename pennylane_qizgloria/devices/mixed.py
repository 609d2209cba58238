"""The device ``qizgloria.mixed``: exact simulation of noisy circuits."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import partial
from importlib.resources import files
from typing import Any

from pennylane.devices import ExecutionConfig
from pennylane.devices.modifiers import simulator_tracking, single_tape_support
from pennylane.exceptions import DeviceError
from pennylane.math import Interface
from pennylane.tape import QuantumScript
from pennylane.transforms.core import CompilePipeline

from ..engines.config import SimulationConfig
from ..engines.registry import is_differentiable
from ..engines.simulation import simulate_all
from ..engines.snapshots import take_snapshots
from ..lowering.measurements.readout import ReadoutSource
from ..results import Result
from .configuration import validation
from .configuration.noise import report_on, requires_grad, twin_of
from .configuration.options import method_of, positive_or_none, precision_of, require_known
from .configuration.random import random_source
from .configuration.readout_warning import warn_of_pair
from .configuration.trained_options import trains_options, warn_if_untrained
from .configuration.validation import naming
from .gradients import methods, shift_methods
from .gradients.device import DifferentiableDevice, simulating
from .interfaces import bridge as interfaces
from .interfaces.first_order import is_first_order
from .preprocessing.mixed import preprocessing

_OPTIONS = ("memory_budget", "method", "r_dtype")
"""Device options: settings that an execution configuration may override for one call."""


@simulator_tracking
@single_tape_support
class QizgloriaMixed(DifferentiableDevice):
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
            wire; or a function that returns one of these. It is read and validated at each call,
            so tensors and what a function returns can be trained. States and entropies are exact
            all the same.
        r_dtype (numpy.dtype, torch.dtype): real dtype of the simulation, float64 or float32.
        c_dtype (numpy.dtype, torch.dtype): complex dtype, as another way to say the same.
        memory_budget (int): how many bytes of states a reverse pass may keep; what does not fit is
            computed again. The peak is this and about nine states more (a state of n wires is
            ``8 * 4**n`` bytes). None takes half of the memory that is free.
        method (str): how circuits are simulated: ``"exact"``, or ``"auto"`` for the first method
            that supports a circuit.
        noise_model: whose noise circuits get, which makes the device a twin of it: a ``BackendV2``
            or the name of one such as ``"fake_manila"``, a ``Target``, a ``NoiseModel`` of
            ``qiskit_aer.noise``, learned noise as pairs ``(instruction, PauliLindbladMap)``, the
            path of a calibration file (CSV or JSON), or a ``qml.NoiseModel``. But for the last,
            circuits are compiled as on ``qizgloria.qiskit`` and run on the backend's qubits; see
            :doc:`/twins`.
        noise_scale (float, Tensor): 0 for no noise, 1 for that of ``noise_model``; a tensor may be
            trained, or have one number for each element of a batch.
        optimization_level (int): of the transpiler, see ``qizgloria.qiskit``, as the next four.
        seed_transpiler (int): of the transpiler.
        initial_layout (Sequence[int]): which qubit of the backend each wire starts on.
        pass_manager (PassManager): what to transpile with, instead of Qiskit's preset.
        compile_backend (BackendV2): what to transpile for, if not for what the noise is of.
        scheduling_method (str): ``"alap"`` or ``"asap"``: qubits relax while they wait.

    Raises:
        TypeError: if ``readout_prob`` or ``noise_model`` is none of these, or for an option that
            there is not.
        ValueError: if a readout probability is outside [0, 1] or fits no wire, a dtype is not of
            single or double precision, the memory budget is not positive, ``noise_model`` says
            nothing about noise or is of fewer qubits than there are wires, ``noise_scale`` is
            negative, or ``readout_prob`` is given beside ``noise_model``.

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
        memory_budget: int | None = None,
        method: str = "auto",
        noise_model: Any = None,
        noise_scale: Any = 1.0,
        optimization_level: int | None = None,
        seed_transpiler: int | None = None,
        initial_layout: Any = None,
        pass_manager: Any = None,
        scheduling_method: str | None = None,
        compile_backend: Any = None,
        **unknown: Any,
    ) -> None:
        require_known(self.name, unknown)
        if isinstance(wires, int) and wires < 0:
            raise ValueError(f"{self.name} needs a number of wires or their labels, got {wires}.")
        super().__init__(wires=wires, shots=shots)
        with naming(self.name):
            self._readout = ReadoutSource(readout_prob, self.wires)
            warn_of_pair(readout_prob, self.wires, self.name)
            self._random = random_source(seed)
        self._r_dtype = precision_of(r_dtype, c_dtype)
        self._memory_budget = positive_or_none(memory_budget)
        self._method = method_of(method)
        self._twin = twin_of(
            self.name,
            self.wires,
            {"noise_model": noise_model, "noise_scale": noise_scale, "readout_prob": readout_prob},
            {
                "optimization_level": optimization_level,
                "seed_transpiler": seed_transpiler,
                "initial_layout": initial_layout,
                "pass_manager": pass_manager,
                "scheduling_method": scheduling_method,
                "compile_backend": compile_backend,
            },
        )
        self._pipelines: dict[tuple[str | None, bool, bool, bool], CompilePipeline] = {}
        self._debugger = None

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: all but the pipelines, which PennyLane's transforms keep from it."""
        return self.__dict__ | {"_pipelines": {}}

    # --- configuration ----------------------------------------------------------------------------

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
        shifts = shift_methods.updates(
            config, circuit, self.name, is_differentiable(self.method_of(config))
        )
        config = replace(config, **shifts)
        options = {option: getattr(self, f"_{option}") for option in _OPTIONS}
        options |= dict(config.device_options)
        options["r_dtype"] = precision_of(options["r_dtype"], None)
        options["memory_budget"] = positive_or_none(options["memory_budget"])
        options["method"] = method_of(options["method"])
        config = replace(
            config,
            **methods.resolved(config),
            device_options=options,
            mcm_config=replace(config.mcm_config, mcm_method="deferred"),
        )
        with naming(self.name):
            warn_if_untrained(config, *self._trained(), self.name)
        return config

    def preprocess_transforms(self, execution_config: Any = None) -> CompilePipeline:
        """The transforms that turn any circuit into one that the device runs, or refuse it."""
        config = execution_config or ExecutionConfig()
        method = config.gradient_method
        own = method in methods.BEST | methods.REVERSE_PASS
        with naming(self.name):
            key = (
                method if own else None,
                self._readout.may_err,
                is_first_order(config),
                trains_options(config),
            )
        if key not in self._pipelines:
            self._pipelines[key] = self._pipeline(*key)
        return copy(self._pipelines[key])

    def _pipeline(
        self, analytic_only: str | None, may_err: bool, first_order: bool, is_trained: bool
    ) -> CompilePipeline:
        own = (self.name, self.wires, self.capabilities, analytic_only)
        if self._twin is None:
            return preprocessing(*own, may_err, first_order)
        from .preprocessing.twin import twin_preprocessing

        return twin_preprocessing(self._twin, *own, first_order, is_trained)

    def method_of(self, config: ExecutionConfig | None) -> str:
        """The name of the engine, or ``"auto"``."""
        options = {} if config is None else config.device_options
        return options.get("method", self._method)

    def simulation_config(self, config: ExecutionConfig | None) -> SimulationConfig:
        """How the circuits of a call with a configuration are simulated.

        Raises:
            TypeError: if ``readout_prob`` is none of the accepted forms any more.
            ValueError: if a readout probability is outside [0, 1] by now.
        """
        config = config or ExecutionConfig()
        options = config.device_options
        torch_results = Interface(config.interface) is Interface.TORCH
        with naming(self.name):
            # A twin gives its circuits the readout error of their qubits.
            confusion = self._readout.model() if self._twin is None else None
        return SimulationConfig(
            dtype=options.get("r_dtype", self._r_dtype),
            confusion=confusion,
            random=self._random,
            as_torch=torch_results and config.gradient_method == "backprop",
            memory_budget=options.get("memory_budget", self._memory_budget),
            method=self.method_of(config),
        )

    def _trained(self) -> tuple[Callable[[], bool], str]:
        """Whether an option is to be trained, and its name."""
        if self._twin is None:
            return self._readout.requires_grad, "readout_prob"
        return partial(requires_grad, self._twin), "noise_scale"

    # --- noise ------------------------------------------------------------------------------------

    @property
    def noise_scale(self) -> Any:
        """What the noise of ``noise_model`` is scaled by; it can be set."""
        return self._require_twin().scale

    @noise_scale.setter
    def noise_scale(self, scale: Any) -> None:
        self._require_twin().scale = scale

    def noise_report(self) -> Any:
        """What noise the device's circuits get, see `pennylane_qizgloria.noise.NoiseReport`."""
        return report_on(self._require_twin())

    def _require_twin(self) -> Any:
        if self._twin is None:
            raise ValueError(
                f"{self.name} has no noise of its own: it was made without noise_model."
            )
        return self._twin

    # --- results ----------------------------------------------------------------------------------

    def execute(self, circuits: Any, execution_config: Any = None) -> tuple[Result, ...]:
        """Run circuits that preprocessing has accepted, those of one structure as one batch.

        Returns:
            One result for each circuit, in PennyLane's shapes; torch tensors where a circuit has
            torch parameters or backpropagates through torch, JAX's or autograd's arrays where
            those trace a parameter, numpy arrays otherwise.
        """
        validation.require_call(self.name, circuits, execution_config)
        config = self.simulation_config(execution_config)
        tracer = interfaces.tracer_of(circuits, execution_config)
        with simulating(self.name):
            if tracer is not None:
                return interfaces.run_traced(circuits, config, tracer, self.name)
            if self._debugger is not None and self._debugger.active:
                for circuit in circuits:
                    self._debugger.snapshots.update(take_snapshots(circuit, config))
            return simulate_all(circuits, config)
