"""Circuits that a backend runs, made once for each structure.

Transpiling takes longer than most simulations, so compiled circuits are cached: a training loop
transpiles in its first step only, and a gradient of any size once for all of its circuits.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from pennylane.exceptions import DeviceError
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import (
    PassManager,
    Target,
    TranspilerError,
    generate_preset_pass_manager,
)

from ..backends.resolve import is_aer
from ..convert.channels import require_channels
from .structures import ParametrisedCircuit

AER_MISBINDS = {"cp", "crx", "cry", "crz", "cu1", "cu3"} | {
    "mcp",
    "mcphase",
    "mcr",
    "mcrx",
    "mcry",
    "mcrz",
    "mcu",
    "mcu1",
    "mcu2",
    "mcu3",
}
"""Gates whose parameters Aer up to 0.18 ignores in parametrised circuits.

See https://github.com/Qiskit/qiskit-aer/issues/2323."""

MAX_CACHED = 1024
"""How many compiled circuits are cached; those used longest ago go first."""


def preset_passes(
    backend: BackendV2 | Target | None,
    level: int | None,
    seed: int | None,
    layout: Any,
    scheduling: str | None = None,
) -> PassManager | None:
    """Qiskit's own pass manager for a backend; None if there is nothing to compile for.

    Args:
        backend: what is compiled for, or its target.
        level: the optimization level, 0 to 3. None for 1 where there is a coupling map, whose
            routing leaves gates that cancel; otherwise for 0, which only translates, so that each
            gate that the user wrote keeps its noise.
        seed: of the transpiler.
        layout: which qubit of the backend each qubit starts on.
        scheduling: ``"alap"`` or ``"asap"`` to write down how long qubits wait, as delays.
    """
    if backend is None:
        return None
    target = backend if isinstance(backend, Target) else backend.target
    if level is None:
        level = 0 if target.build_coupling_map() is None else 1
    if is_aer(backend):
        target = _without(target, AER_MISBINDS)
    return generate_preset_pass_manager(
        level,
        target=target,
        seed_transpiler=seed,
        initial_layout=layout,
        scheduling_method=scheduling,
    )


def _without(target: Target, names: set[str]) -> Target:
    """A target that lacks some gates."""
    reduced = Target(num_qubits=target.num_qubits)
    for name in target.operation_names:
        if name not in names:
            operation = target.operation_from_name(name)
            own = None if inspect.isclass(operation) else target[name]
            reduced.add_instruction(operation, own, name=name)
    return reduced


@dataclass(frozen=True)
class Compiled:
    """A circuit for all tapes of one structure, in the backend's own gates.

    Args:
        source: the circuit before it was compiled, and where its parameters come from.
        circuit: what the backend runs. It may lack parameters that have no effect.
    """

    source: ParametrisedCircuit
    circuit: QuantumCircuit

    def on_qubits(self, observable: SparsePauliOp) -> SparsePauliOp:
        """An observable of the source's qubits as one of the qubits that they are mapped to."""
        layout = self.circuit.layout
        return observable if layout is None else observable.apply_layout(layout)


class Compiler:
    """Compiles circuits and keeps them.

    Args:
        passes: what compiles a circuit; None if the primitives take circuits as they are.
        backend: what runs the circuits; None if that is not known.
    """

    def __init__(self, passes: PassManager | None, backend: BackendV2 | None = None) -> None:
        self._passes = passes
        self._backend = backend
        self._cache: OrderedDict[Hashable, Compiled] = OrderedDict()
        self.transpilations = 0
        """How many circuits have been transpiled."""

    def compiled(self, key: Hashable, make: Callable[[], ParametrisedCircuit]) -> Compiled:
        """The compiled circuit of a structure.

        Args:
            key: what tells the structure from others.
            make: gives the circuit, if it is not there yet.

        Raises:
            DeviceError: if the circuit has channels and the backend runs none, or if the passes
                refuse it.
        """
        if key not in self._cache:
            source = make()
            require_channels(source.circuit, self._backend)
            self._cache[key] = Compiled(source, self._transpile(source.circuit))
            if len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]

    def _transpile(self, circuit: QuantumCircuit) -> QuantumCircuit:
        if self._passes is None:
            return circuit
        self.transpilations += 1
        try:
            return self._passes.run(circuit)
        except TranspilerError as error:
            raise _could_not_compile(circuit, error) from error


_ADVICE = {
    "not scheduled": "A delay does not fit the times at which the backend starts pulses. Give "
    "scheduling_method='alap', which puts that right, or another delay",
    "unify time units": "The backend does not say how long its time step dt is, so give delays in "
    "seconds (s, ms, us, ns)",
    "Duration of": "The backend does not say how long its gates take, so leave scheduling_method "
    "out, or compile for another one (compile_backend)",
    "Unable to translate": "The backend lacks gates or delays that the circuit needs: leave them "
    "out, or compile for another one (compile_backend)",
}
"""What to do, by what Qiskit's message says."""

_OTHER_ADVICE = (
    "Where an option asks for what there is not, leave it out or change it: initial_layout, "
    "scheduling_method, pass_manager; or take fewer wires, or a larger backend"
)


def _could_not_compile(circuit: QuantumCircuit, error: TranspilerError) -> DeviceError:
    operations = ", ".join(f"{count} {name}" for name, count in circuit.count_ops().items())
    text = error.message
    advice = next((own for sign, own in _ADVICE.items() if sign in text), _OTHER_ADVICE)
    return DeviceError(
        f"The circuit on {circuit.num_qubits} qubits with {operations or 'no gates'} could not be "
        f"compiled. {advice}. Qiskit says: {text}"
    )
