"""What is used of Qiskit, and of what belongs to it, although it is not public.

Each function says why there is no public way; `tests/compat/test_qiskit.py` holds what it relies
on. Qiskit itself is not imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any


def operations_of(expression: Any) -> Sequence[Any]:
    """The operations that a ``ParameterExpression`` is made by, each with ``op``, ``lhs``, ``rhs``.

    Since Qiskit 2 an expression is a tree in Rust. Its public methods give values, derivatives and
    a text; what writes circuits to QPY files reads this list.
    """
    return expression._qpy_replay


def quantum_error_of(instruction: Any) -> Any | None:
    """The error of an instruction that Aer makes of a ``QuantumError`` or ``PauliLindbladError``.

    Aer's own converters read it; the instruction has no public property for it.
    """
    return getattr(instruction, "_quantum_error", None)


def future_of(job: Any) -> Future | None:
    """What computes a ``PrimitiveJob`` of this process.

    Its public status says ERROR, and sticks to it, if it is asked before the thread has begun.
    """
    future = getattr(job, "_future", None)
    return future if isinstance(future, Future) else None


def hidden_backend_of(primitive: Any) -> Any | None:
    """The backend of one of Aer's primitives, which have no property for it."""
    return getattr(primitive, "_backend", None)


def make_aer_sampler(backend: Any, **arguments: Any) -> Any:
    """Aer's sampler on any backend that runs circuits as an ``AerSimulator`` does.

    ``from_backend`` replaces what is none by a simulator that imitates it; a backend that checks
    the results of a simulator could not be given.
    """
    from qiskit_aer.primitives import SamplerV2

    sampler = SamplerV2(**arguments)
    sampler._backend = backend
    return sampler


def make_aer_estimator(
    backend: Any, options_of: Callable[[Any], dict[str, Any]], **arguments: Any
) -> Any:
    """Aer's estimator on any backend, as `make_aer_sampler`, with run options for each PUB.

    Aer has one set of run options for a job, and runs each of its PUBs in a method that is not
    public. A public way, to run each PUB in an estimator of its own, would be a job for each.

    Args:
        backend: that runs the circuits.
        options_of: gives the run options of a PUB; called for the PUBs of a job in order.
        arguments: of Aer's estimator.
    """
    estimator = _aer_estimator()(**arguments)
    estimator._backend = backend
    estimator.options_of = options_of
    return estimator


@cache
def _aer_estimator() -> Any:
    from qiskit_aer.primitives import EstimatorV2

    class PubwiseEstimator(EstimatorV2):
        """Aer's estimator with run options for each PUB."""

        options_of: Callable[[Any], dict[str, Any]]

        def _run_pub(self, pub: Any) -> Any:
            # On a copy: several threads may run the jobs of one estimator.
            own = copy(self)
            own._options = replace(self.options, run_options=self.options_of(pub))
            return super(PubwiseEstimator, own)._run_pub(pub)

    return PubwiseEstimator


def index_of_qubit(qubit: Any) -> int | None:
    """The place of a qubit in the register that it was made with; None if there is none.

    Instructions hold qubits, and only a circuit says publicly where they are; instructions that are
    given alone, such as the layers of learned noise, come without one.
    """
    return getattr(qubit, "_index", None)


@dataclass(frozen=True)
class RelaxationDuringDelays:
    """What Aer's ``RelaxationNoisePass`` does.

    Args:
        t1s: the relaxation time of each qubit, in seconds.
        t2s: the dephasing time of each.
        excited: the population of its excited state in equilibrium.
        dt: the time step in seconds; None if it has none.
        is_of_gates: whether gates have relaxation besides.
    """

    t1s: Sequence[float]
    t2s: Sequence[float]
    excited: Sequence[float]
    dt: float | None = None
    is_of_gates: bool = False

    def times(self, qubit: int) -> tuple[float, float, float]:
        """T1, T2 and the population of a qubit."""
        return float(self.t1s[qubit]), float(self.t2s[qubit]), float(self.excited[qubit])


@dataclass(frozen=True)
class AerErrors:
    """What is in one of Aer's noise models.

    Args:
        local: the quantum errors of instructions on some qubits.
        default: those of instructions on any qubits.
        local_readout: the readout errors of some qubits.
        default_readout: that of all other qubits.
        passes: what it does to a circuit besides.
    """

    local: dict[tuple[str, tuple[int, ...]], Any]
    default: dict[str, Any]
    local_readout: dict[tuple[int, ...], Any]
    default_readout: Any
    passes: tuple[Any, ...]


def _relaxation(own: Any) -> Any:
    """What a relaxation pass does during delays; the pass itself if it leaves these as they are."""
    from qiskit.circuit import Delay

    kinds = own._ops  # none for all
    if kinds and not any(issubclass(Delay, kind) for kind in kinds):
        return own
    t1s, t2s, excited = (tuple(map(float, times)) for times in (own._t1s, own._t2s, own._p1s))
    is_of_gates = not kinds or not all(issubclass(kind, Delay) for kind in kinds)
    return RelaxationDuringDelays(t1s, t2s, excited, own._dt, is_of_gates)


def aer_errors(model: Any) -> AerErrors:
    """The errors of a noise model of Aer's.

    Its public ``to_dict`` turns them into lists of instructions, and leaves its passes out.
    """
    local = {
        (name, tuple(qubits)): error
        for name, errors in model._local_quantum_errors.items()
        for qubits, error in errors.items()
    }
    passes = []
    for own in model._custom_noise_passes:
        if type(own).__name__ == "RelaxationNoisePass":
            own = _relaxation(own)
        passes.append(own)
    readout = {tuple(qubits): error for qubits, error in model._local_readout_errors.items()}
    default = dict(model._default_quantum_errors)
    return AerErrors(local, default, readout, model._default_readout_error, tuple(passes))
