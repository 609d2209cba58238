"""Who is measured: ways to solve a problem, ours and those of other simulators.

Each gives a call that solves the problem once. What does not depend on the parameters' values is
done before, and every simulator is used in the way that was found to be its fastest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from circuits import (
    DAMPING,
    DEPOLARIZING,
    Problem,
    forward_of,
    gradient_of,
    parameters,
    qnode,
)
from lowered import lowered_circuit

OURS = "qizgloria.mixed"
LOWERED = "qizgloria lowered"
DEFAULT_MIXED = "default.mixed"
TENSORCIRCUIT = "TensorCircuit-NG"

MOST_VMAPPED_WIRES = 5
"""With more wires, TensorCircuit-NG is faster one element of a batch after another."""

Build = Callable[[Problem], Callable[[], Any]]
"""From a problem to a call that solves it."""


LEFT_OUT: set[str] = set()
"""Peers that are not wanted."""


@dataclass(frozen=True)
class Peer:
    """A way to solve problems.

    Args:
        name: what it is called in the tables.
        module: what has to be importable.
        forward: builds a call for the results.
        gradient: builds a call for the gradient of their sum, if it can.
        reference: what its time is compared with.
        most_wires: beyond, it takes longer than it is worth.
        tolerance: by how much its values may differ from ours.
        compiled: whether the first call compiles.
        apart: whether it runs in a process of its own, because it brings threads of its own.
        loss: builds a call for the mean of the squares of all results and its gradient by the
            weights, in single precision, if it can.
    """

    name: str
    module: str
    forward: Build
    gradient: Build | None
    reference: str | None = OURS
    most_wires: int = 10
    tolerance: float = 1e-8
    compiled: bool = False
    apart: bool = False
    loss: Build | None = None

    @property
    def installed(self) -> bool:
        """Whether it can be measured here."""
        return self.name not in LEFT_OUT and find_spec(self.module) is not None


# --- torch ----------------------------------------------------------------------------------------


def _of_device(device: str) -> tuple[Build, Build]:
    return (
        lambda problem: forward_of(qnode(problem, device), problem),
        lambda problem: gradient_of(qnode(problem, device), problem),
    )


def _lowered_forward(problem: Problem) -> Callable[[], Any]:
    return forward_of(lowered_circuit(problem), problem)


def _lowered_gradient(problem: Problem) -> Callable[[], Any]:
    return gradient_of(lowered_circuit(problem), problem)


# --- Qiskit Aer -----------------------------------------------------------------------------------


def _aer_forward(problem: Problem) -> Callable[[], Any]:
    """Noise as a noise model, which Aer fuses with the gates, and fusion to two qubits.

    With errors as instructions in the circuit, or with the default fusion, it takes twice as long.
    """
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, amplitude_damping_error, depolarizing_error

    # Aer's strength is that of replacing the state by the maximally mixed one.
    depolarizing = depolarizing_error(4 / 3 * DEPOLARIZING, 1)
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing, ["u"])
    noise.add_all_qubit_quantum_error(depolarizing.tensor(depolarizing), ["cx"])
    noise.add_all_qubit_quantum_error(amplitude_damping_error(DAMPING), ["id"])
    simulator = AerSimulator(
        method="density_matrix", precision="double", noise_model=noise, fusion_max_qubit=2
    )
    rows = problem.features if problem.inputs else [None]
    circuits = [_qiskit_circuit(problem, row) for row in rows]
    labels = [str(index) for index in range(len(problem.observables))]

    def call() -> list:
        result = simulator.run(circuits, shots=1).result()
        data = [result.data(index) for index in range(len(circuits))]
        values = [[own[label] for own in data] for label in labels]
        return values if problem.inputs else [value for (value,) in values]

    return call


def _qiskit_circuit(problem: Problem, features: np.ndarray | None) -> Any:
    """The circuit whose ``u``, ``cx`` and ``id`` have noise after them."""
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

    circuit = QuantumCircuit(problem.wires)
    for wire, angle in enumerate([] if features is None else features):
        circuit.rx(angle, wire)
    for layer in problem.weights:
        for wire, (phi, theta, omega) in enumerate(layer):
            circuit.u(theta, omega, phi, wire)
        for wire in range(problem.wires):
            circuit.cx(wire, (wire + 1) % problem.wires)
        circuit.id(range(problem.wires))
    for index, terms in enumerate(problem.observables):
        # Qiskit writes the last qubit first.
        operator = SparsePauliOp.from_list([(word[::-1], c) for c, word in terms])
        circuit.save_expectation_value(operator, range(problem.wires), label=str(index))
    return circuit


# --- qulacs ---------------------------------------------------------------------------------------


def _qulacs_forward(problem: Problem) -> Callable[[], Any]:
    from qulacs import DensityMatrix, Observable

    rows = problem.features if problem.inputs else [None]
    circuits = [_qulacs_circuit(problem, row) for row in rows]
    observables = []
    for terms in problem.observables:
        observable = Observable(problem.wires)
        for coefficient, word in terms:
            letters = [f"{letter} {wire}" for wire, letter in enumerate(word) if letter != "I"]
            observable.add_operator(coefficient, " ".join(letters))
        observables.append(observable)

    def call() -> list:
        values = []
        for circuit in circuits:
            state = DensityMatrix(problem.wires)  # in |0>
            circuit.update_quantum_state(state)
            values.append([own.get_expectation_value(state) for own in observables])
        return list(zip(*values, strict=True)) if problem.inputs else values[0]

    return call


def _qulacs_circuit(problem: Problem, features: np.ndarray | None) -> Any:
    from qulacs import QuantumCircuit
    from qulacs.gate import CNOT, U3, AmplitudeDampingNoise, DepolarizingNoise, RotX

    circuit = QuantumCircuit(problem.wires)
    for wire, angle in enumerate([] if features is None else features):
        circuit.add_gate(RotX(wire, angle))
    for layer in problem.weights:
        for wire, (phi, theta, omega) in enumerate(layer):
            circuit.add_gate(U3(wire, theta, omega, phi))
            circuit.add_gate(DepolarizingNoise(wire, DEPOLARIZING))
        for wire in range(problem.wires):
            pair = [wire, (wire + 1) % problem.wires]
            circuit.add_gate(CNOT(*pair))
            for end in pair:
                circuit.add_gate(DepolarizingNoise(end, DEPOLARIZING))
        for wire in range(problem.wires):
            circuit.add_gate(AmplitudeDampingNoise(wire, DAMPING))
    return circuit


# --- TensorCircuit-NG -----------------------------------------------------------------------------


def _tensorcircuit_function(
    problem: Problem, dtype: str = "complex128"
) -> tuple[Callable, tuple[Any, ...]]:
    """A function for JAX of weights and inputs, and those."""
    import jax
    import jax.numpy as jnp
    import tensorcircuit as tc

    logging.getLogger("tensorcircuit").setLevel(logging.ERROR)  # it misses optimisers
    tc.set_backend("jax")
    tc.set_dtype(dtype)
    each = DEPOLARIZING / 3
    hamiltonian = _dense(problem.observables[0]) if problem.words else None

    def circuit(weights: Any, features: Any = None) -> Any:
        c = tc.DMCircuit(problem.wires)
        for wire in range(problem.wires if features is not None else 0):
            c.rx(wire, theta=features[wire])
        for layer in weights:
            for wire in range(problem.wires):
                phi, theta, omega = layer[wire]
                c.u(wire, theta=theta, phi=omega, lbd=phi)
                c.depolarizing(wire, px=each, py=each, pz=each)
            for wire in range(problem.wires):
                pair = (wire, (wire + 1) % problem.wires)
                c.cnot(*pair)
                for end in pair:
                    c.depolarizing(end, px=each, py=each, pz=each)
            for wire in range(problem.wires):
                c.amplitudedamping(wire, gamma=DAMPING, p=1.0)
        if hamiltonian is not None:
            return jnp.sum(c.densitymatrix() * hamiltonian.T).real
        return jnp.stack([c.expectation_ps(z=[wire]).real for wire in range(problem.wires)])

    def batched(weights: Any, features: Any) -> Any:
        if problem.wires > MOST_VMAPPED_WIRES:
            return jax.lax.map(lambda row: circuit(weights, row), features).T
        return jax.vmap(circuit, (None, 0), 1)(weights, features)

    given = tuple(jnp.asarray(p.numpy()) for p in parameters(problem))
    return (batched if problem.inputs else circuit), given


def _dense(terms: list[tuple[float, str]]) -> np.ndarray:
    from qiskit.quantum_info import SparsePauliOp

    # The first wire is the most significant one here, as it is the first letter there.
    return SparsePauliOp.from_list([(word, c) for c, word in terms]).to_matrix()


def _tensorcircuit_forward(problem: Problem) -> Callable[[], Any]:
    import jax

    function, given = _tensorcircuit_function(problem)
    compiled = jax.jit(function)
    return lambda: jax.block_until_ready(compiled(*given))


def _tensorcircuit_gradient(problem: Problem) -> Callable[[], Any]:
    import jax

    function, given = _tensorcircuit_function(problem)
    every = tuple(range(len(given)))
    compiled = jax.jit(jax.grad(lambda *p: function(*p).sum(), argnums=every))
    return lambda: jax.block_until_ready(compiled(*given))


def _tensorcircuit_loss(problem: Problem) -> Callable[[], Any]:
    import jax

    function, given = _tensorcircuit_function(problem, "complex64")
    compiled = jax.jit(jax.value_and_grad(lambda *p: (function(*p) ** 2).mean()))
    return lambda: jax.block_until_ready(compiled(*given))


# --- the table ------------------------------------------------------------------------------------

PEERS = (
    Peer(OURS, "pennylane_qizgloria", *_of_device(OURS), reference=None, most_wires=13),
    Peer(
        LOWERED,
        "pennylane_qizgloria",
        _lowered_forward,
        _lowered_gradient,
        reference=None,
        most_wires=13,
    ),
    Peer(DEFAULT_MIXED, "pennylane", *_of_device(DEFAULT_MIXED)),
    Peer("Aer density_matrix", "qiskit_aer", _aer_forward, None, apart=True),
    Peer("qulacs", "qulacs", _qulacs_forward, None, apart=True),
    Peer(
        TENSORCIRCUIT,
        "tensorcircuit",
        _tensorcircuit_forward,
        _tensorcircuit_gradient,
        reference=LOWERED,
        compiled=True,
        apart=True,
        loss=_tensorcircuit_loss,
    ),
)
