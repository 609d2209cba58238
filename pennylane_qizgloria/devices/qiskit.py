"""The device `qizgloria.qiskit`: what PennyLane sees of Qiskit's backends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

from pennylane.devices import ExecutionConfig
from pennylane.devices.modifiers import single_tape_support
from pennylane.exceptions import DeviceError
from pennylane.tape import QuantumScript
from pennylane.transforms.core import CompilePipeline

from ..lowering.operations.shift_rules import shift_terms
from ..qiskit.backends import resolve as backends
from ..qiskit.backends import validation
from ..qiskit.backends.copying import remember_arguments, restore, state_of
from ..qiskit.backends.options import require_backend, require_known, require_types
from ..qiskit.backends.seeds import JobSeeds
from ..qiskit.compile.transpilation import Compiler, preset_passes
from ..qiskit.jobs.history import JobHistory
from ..qiskit.jobs.runner import Runner
from ..qiskit.primitives import primitives
from ..qiskit.primitives.job_limits import Limits, limits_of
from ..qiskit.pubs.exact import exact_results
from ..qiskit.pubs.packing import pack
from ..qiskit.pubs.submission import Submission, job_specs
from ..results import Result
from .configuration.validation import naming, require_call, require_circuit, require_config
from .gradients import shift_methods
from .gradients.shift_derivatives import ShiftDerivatives
from .interfaces.first_order import is_first_order
from .preprocessing.qiskit import preprocessing
from .qiskit_jobs import JobControl, tracks_derivatives


@tracks_derivatives
@single_tape_support
class QizgloriaQiskit(JobControl):
    r"""Any Qiskit backend, with one job for all circuits of a call.

    The circuits of a call go out as the PUBs of one sampler job and one estimator job at most:
    circuits of one structure are one parametrised circuit with an array of parameters, transpiled
    once and cached. So a parameter-shift gradient of a whole batch is one job. Only where a job may
    not hold that much there are more, and all of them are sent before the first is waited for.

    Wire i of the device is qubit i of the circuit that is transpiled.

    Devices can be copied and pickled. A copy in the same process shares the backend and primitives;
    a pickle names IBM's machine and saved account, without credentials, and opens them anew.

    Args:
        wires (int, Iterable[Hashable]): the number of wires or their labels.
        shots (int, Sequence): deprecated by PennyLane in favour of ``qml.set_shots``.
        backend: a ``BackendV2``, or a name: ``"aer"``, ``"fake_<name>"``, an IBM backend's, or
            ``"least_busy"``. IBM's need an account saved by ``QiskitRuntimeService``.
        sampler (BaseSamplerV2): the sampler to use instead of the backend's.
        estimator (BaseEstimatorV2): the estimator to use instead of the backend's.
        use_estimator (bool): whether expectation values and variances of what has a Pauli form
            come from the estimator, with shots too; otherwise from samples, which all measurements
            of a call share that one basis serves. None for yes if ``estimator`` is given, or if
            ``options`` has one that only the estimator knows, such as ``resilience_level``.
        seed (int): of the simulator, where the backend is one; from 0 to 2**63 - 1.
        optimization_level (int): of the transpiler, 0 to 3. None for 1; for 0 where all qubits
            are connected, as on Aer: then each gate keeps the noise that a noise model gives it.
        seed_transpiler (int): of the transpiler.
        initial_layout (Sequence[int]): which qubit of the backend each wire starts on, one for
            each wire of the device.
        compile_backend (BackendV2): what to transpile for, if not for the backend.
        pass_manager (PassManager): what to transpile with, instead of Qiskit's preset.
        scheduling_method (str): ``"alap"`` or ``"asap"``, to write down how long qubits wait: then
            Aer's noise models of backends let them relax.
        options (dict): options for the primitives, handed over as they are.
        progress (bool): whether to show a line while waiting; None for if there is a terminal.
        timeout (float): how many seconds to wait for a job; None for as long as it takes.
        backend_options: for ``"aer"``: ``method``, ``device``, ``noise_model``.

    Raises:
        ValueError: if there is no such backend or option, if the backend has fewer qubits than
            there are wires, or if an option has a value that it cannot have.
        TypeError: if an option is of another type than it must be.

    **Example**

    >>> dev = qml.device("qizgloria.qiskit", wires=2, backend="aer", seed=7)
    >>> @qml.set_shots(1000)
    ... @qml.qnode(dev)
    ... def bell():
    ...     qml.Hadamard(0)
    ...     qml.CNOT([0, 1])
    ...     return qml.counts()
    >>> sorted(bell())
    [np.str_('00'), np.str_('11')]
    >>> [(job.kind, job.pubs, job.shots) for job in dev.jobs]
    [('sampler', 1, 1000)]
    """

    name = "qizgloria.qiskit"
    config_filepath = str(files("pennylane_qizgloria.tomls") / "qiskit.toml")

    @remember_arguments
    def __init__(
        self,
        wires: Any = None,
        shots: Any = None,
        backend: Any = None,
        *,
        sampler: Any = None,
        estimator: Any = None,
        use_estimator: Any = None,
        seed: Any = None,
        optimization_level: Any = None,
        seed_transpiler: Any = None,
        initial_layout: Any = None,
        compile_backend: Any = None,
        pass_manager: Any = None,
        scheduling_method: Any = None,
        options: Any = None,
        progress: Any = None,
        timeout: Any = None,
        **backend_options: Any,
    ) -> None:
        validation.require_wires(self.name, wires)
        given: dict[str, Any] = {
            "backend": backend,
            "sampler": sampler,
            "estimator": estimator,
            "use_estimator": use_estimator,
            "seed": seed,
            "optimization_level": optimization_level,
            "seed_transpiler": seed_transpiler,
            "initial_layout": initial_layout,
            "compile_backend": compile_backend,
            "pass_manager": pass_manager,
            "scheduling_method": scheduling_method,
            "options": options,
            "progress": progress,
            "timeout": timeout,
        }
        if backend is None and sampler is None and estimator is None:
            backend = "aer"
        require_known(self.name, backend_options, given)
        require_backend(self.name, backend, backend_options)
        require_types(self.name, given | backend_options)
        super().__init__(wires=wires, shots=shots)
        if backend is not None:
            size = None if self.wires is None else len(self.wires)
            own = {"caller": self.name, "seed": seed, "min_num_qubits": size, **backend_options}
            backend = backends.resolve_backend(backend, **own)
        self.backend = backend
        validation.require_qubits(self.name, self.wires, self.backend)
        # A seed for all jobs of the device, sessions included, so that none repeats another's.
        seeds = None if seed is None else JobSeeds(seed)
        self._options: dict[str, Any] = {"seed": seeds, "options": options}
        self._primitives = primitives.choose_primitives(
            self.backend, sampler, estimator, **self._options
        )
        self._given = sampler is not None or estimator is not None
        self._use = primitives.estimator_use(
            use_estimator, estimator is not None, self._primitives, options
        )
        # An empty pass manager is false, and compiles nothing.
        target = compile_backend or self.backend if pass_manager is None else None
        validation.require_preset(self.name, given, target)
        layout = validation.require_layout(self.name, initial_layout, self.wires, target)
        self._idle = layout is not None
        passes = pass_manager
        if target is not None:
            passes = preset_passes(
                target, optimization_level, seed_transpiler, layout, scheduling_method
            )
        self._compiler = Compiler(passes, self._primitives.backend)
        self._runner = Runner(self.name, progress, timeout, on_job=self._note)
        self._unfinished: list[Submission[tuple[Result, ...]]] = []
        self._history = JobHistory()

    def __getstate__(self) -> dict[str, Any]:
        return state_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, QizgloriaQiskit.__init__, state)

    # --- configuration ----------------------------------------------------------------------------

    @property
    def transpilations(self) -> int:
        """How many circuits have been transpiled so far."""
        return self._compiler.transpilations

    def setup_execution_config(
        self, config: ExecutionConfig | None = None, circuit: QuantumScript | None = None
    ) -> ExecutionConfig:
        """Fill in what the configuration leaves open.

        Mid-circuit measurements run as the backend's own where it has them and there are shots;
        otherwise they are deferred.

        Raises:
            DeviceError: for a method of mid-circuit measurements that the backend lacks.
        """
        config = config or ExecutionConfig()
        native = self.backend is None or backends.supports_dynamic(self.backend)
        native = native and circuit is not None and bool(circuit.shots)
        method = config.mcm_config.mcm_method
        if method == "device" and not native:
            raise DeviceError(
                f"{self.name}: mid-circuit measurements run natively only with shots and on a "
                "backend with control flow; leave mcm_method out, and they are deferred."
            )
        if method is None:
            mcm = replace(config.mcm_config, mcm_method="device" if native else "deferred")
            config = replace(config, mcm_config=mcm)
        updates = shift_methods.updates(config, circuit, self.name, has_reverse_pass=False)
        if updates:
            return replace(config, grad_on_execution=False, **updates)
        return super().setup_execution_config(config, circuit)

    def preprocess_transforms(self, execution_config: Any = None) -> CompilePipeline:
        """The transforms that turn any circuit into ones that the primitives run, or refuse it."""
        config = execution_config or ExecutionConfig()
        return preprocessing(
            self.name,
            self.wires,
            self.capabilities,
            defer=config.mcm_config.mcm_method != "device",
            exact=self.backend is not None and backends.is_aer(self.backend),
            use=self._use,
            has_sampler=self._primitives.sampler is not None,
            max_qubits=None if self.backend is None else self.backend.num_qubits,
            has_readout_error=backends.has_readout_error(self.backend),
            first_order=is_first_order(config),
        )

    # --- results ----------------------------------------------------------------------------------

    def execute(self, circuits: Any, execution_config: Any = None) -> tuple[Result, ...]:
        """Run circuits that preprocessing has accepted, in as few jobs as possible.

        Raises:
            JobError: if the service reports that a job failed, or returns fewer results.
            TimeoutError: if a job takes longer than the device's ``timeout``; `resume` gets its
                results later.
        """
        require_call(self.name, circuits, execution_config)
        if not all(tape.measurements for tape in circuits):
            measured = [tape for tape in circuits if tape.measurements]
            own = iter(self.execute(measured, execution_config))
            return tuple(next(own) if tape.measurements else () for tape in circuits)
        exact = [tape for tape in circuits if self._is_exact(tape)]
        sampler, estimator = self._primitives.sampler, self._primitives.estimator
        limits = self._limits(sampler)
        with naming(self.name):
            packed = pack(
                [tape for tape in circuits if not self._is_exact(tape)],
                self.wires,
                self._compiler,
                self._use,
                limits.shots,
                self._idle,
            )
        specs = [
            *job_specs("sampler", sampler, packed.sampler, limits),
            *job_specs("estimator", estimator, packed.estimator, self._limits(estimator)),
        ]
        if self._estimate is not None:
            return self._estimated(specs, circuits)

        def read(sampled: Any, estimated: Any) -> tuple[Result, ...]:
            run = iter(packed.results(sampled, estimated))
            own = iter(self._exact_results(exact))
            return tuple(next(own if self._is_exact(tape) else run) for tape in circuits)

        submission = Submission(self._runner, specs, read)
        self._unfinished.append(submission)
        results = self._finish(submission)
        run = iter(packed.plans)
        self._track(
            circuits,
            results,
            [None if self._is_exact(tape) else next(run)[1] for tape in circuits],
        )
        return results

    # --- derivatives ------------------------------------------------------------------------------

    def supports_derivatives(
        self,
        execution_config: Any = None,
        circuit: Any = None,
    ) -> bool:
        """Whether the device gives Jacobians: first derivatives, by ``best`` and ``device``.

        Raises:
            QuantumFunctionError: for methods that differentiate a simulator from inside.
        """
        require_config(self.name, execution_config)
        require_circuit(self.name, circuit)
        shift_methods.require_shifts(execution_config, self.name)
        return _gives_jacobians(execution_config)

    def compute_derivatives(self, circuits: Any, execution_config: Any = None) -> tuple[Any, ...]:
        """The Jacobian of each circuit by shifts, all of them in one job.

        Unlike PennyLane's ``parameter-shift``, it takes broadcast circuits whose broadcast
        parameters are trainable.

        Raises:
            NotImplementedError: for second derivatives, which are ``parameter-shift``'s, and for
                parameters without a rule.
        """
        require_call(self.name, circuits, execution_config)
        return self._by_shifts(circuits, execution_config).jacobians(circuits)

    def _by_shifts(self, circuits: Any, config: Any) -> ShiftDerivatives:
        config = config or ExecutionConfig()
        if config.derivative_order != 1:
            raise NotImplementedError(
                f"{self.name} gives first derivatives; for order {config.derivative_order} take "
                "diff_method='parameter-shift' with max_diff."
            )
        rule = shift_methods.rule_of(config, circuits) or shift_terms
        return ShiftDerivatives(self, rule, replace(config, gradient_method=None))

    def supports_vjp(
        self,
        execution_config: Any = None,
        circuit: Any = None,
    ) -> bool:
        """Whether the device gives vector-Jacobian products: wherever it gives Jacobians."""
        require_config(self.name, execution_config)
        if execution_config is None or execution_config.derivative_order != 1:
            return execution_config is None
        by_rule = shift_methods.rule_of(execution_config, []) is not None
        require_circuit(self.name, circuit)
        return by_rule or _gives_jacobians(execution_config)

    def compute_vjp(
        self,
        circuits: Any,
        cotangents: Any,
        execution_config: Any = None,
    ) -> tuple[tuple[Any, ...], ...]:
        r"""The products :math:`\sum_i \mathrm{d}y_i J_{ij}` with what `compute_derivatives` gives.

        Args:
            circuits: the circuits.
            cotangents: for each circuit numbers or arrays in the shape of its results.
            execution_config: how it is to be done.
        """
        require_call(self.name, circuits, execution_config)
        return self._by_shifts(circuits, execution_config).vjps(circuits, cotangents)

    def compute_jvp(
        self,
        circuits: Any,
        tangents: Any,
        execution_config: Any = None,
    ) -> tuple[Any, ...]:
        """Not provided; `compute_derivatives` gives what it is made of.

        Raises:
            NotImplementedError: always.
        """
        require_call(self.name, circuits, execution_config)
        raise NotImplementedError(
            f"{self.name} gives no Jacobian-vector products. compute_derivatives gives the "
            "Jacobian, compute_vjp vector-Jacobian products; qizgloria.mixed gives all three."
        )

    def execute_and_compute_jvp(
        self,
        circuits: Any,
        tangents: Any,
        execution_config: Any = None,
    ) -> tuple[tuple[Result, ...], tuple[Any, ...]]:
        """Not provided, as `compute_jvp` is not."""
        return (), self.compute_jvp(circuits, tangents, execution_config)

    def _exact_results(self, tapes: Sequence[QuantumScript]) -> list[Result]:
        # Only Aer's backends run circuits without shots.
        if not tapes:
            return []
        with naming(self.name):
            return exact_results(tapes, self.wires, self.backend, self._compiler, self._idle)

    def _is_exact(self, tape: QuantumScript) -> bool:
        return not tape.shots and not self._use.serves(tape)

    def _limits(self, primitive: Any) -> Limits:
        return Limits() if primitive is None else limits_of(primitive, self.backend)


def _gives_jacobians(config: ExecutionConfig | None) -> bool:
    if config is None:
        return True
    return config.gradient_method in {"best", "device"} and config.derivative_order == 1
