"""Which sampler and which estimator run the circuits of a backend.

Aer has primitives of its own, IBM's machines take those of IBM's client, and Qiskit's own run on
any other backend that can return the memory of single shots. What a user gives goes before all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from warnings import warn

from qiskit.primitives import (
    BaseEstimatorV2,
    BaseSamplerV2,
)
from qiskit.providers import BackendV2

from ..backends.resolve import backend_of, is_ibm
from ..backends.validation import require_max_time
from ..measurements.measurement_splitting import EstimatorUse
from .providers import (
    DelegatingEstimator,
    DelegatingSampler,
    Seed,
    make_estimator,
    make_sampler,
    provider_of,
)


@dataclass(frozen=True)
class Primitives:
    """What runs circuits.

    Args:
        sampler: gives shots; None if only an estimator was given.
        estimator: gives expectation values; None if only a sampler was given.
        backend: what both run on, and so what circuits are compiled for; None if only primitives
            were given that do not say it.
    """

    sampler: BaseSamplerV2 | None
    estimator: BaseEstimatorV2 | None
    backend: BackendV2 | None


def choose_primitives(
    backend: BackendV2 | None = None,
    sampler: object = None,
    estimator: object = None,
    *,
    seed: Seed = None,
    options: Mapping[str, Any] | None = None,
) -> Primitives:
    """The primitives of a backend, or those that are given.

    With a seed each job draws numbers of its own, and the same jobs in the same order give the
    same results. IBM's machines and given primitives know no seed and ignore it.

    Aer's estimator adds normal noise of standard deviation ``precision`` to exact values, and with
    ``precision=0`` adds none. These values know the gates' noise, but not the readout's.

    Args:
        backend: needed unless a primitive is given.
        sampler: a ``BaseSamplerV2``, used instead of the backend's.
        estimator: a ``BaseEstimatorV2``, used instead of the backend's.
        seed: of the simulation.
        options: of the primitives, handed to them unchanged, such as ``resilience_level``,
            ``twirling`` and ``dynamical_decoupling`` with IBM. Each goes to those of the two
            primitives that know it.

    Raises:
        TypeError: if a given primitive is none of version 2.
        ValueError: if neither a backend nor a primitive is given, or if no primitive knows an
            option (the message lists those they know).

    >>> from qiskit.circuit import QuantumCircuit
    >>> from qiskit_aer import AerSimulator
    >>> circuit = QuantumCircuit(1)
    >>> circuit.measure_all()
    >>> sampler = choose_primitives(AerSimulator(), seed=1).sampler
    >>> sampler.run([circuit], shots=10).result()[0].data.meas.get_counts()
    {'0': 10}
    """
    _check("sampler", sampler, BaseSamplerV2)
    _check("estimator", estimator, BaseEstimatorV2)
    if backend is None and sampler is None and estimator is None:
        raise ValueError("Give a backend, or a sampler, an estimator or both.")
    if backend is None:
        _refuse_unknown(options or {}, frozenset(), "given primitives, which have their own,")
        found = backend_of(sampler) or backend_of(estimator)
        return Primitives(sampler, estimator, found)
    made = _make_primitives(backend, backend, seed, options, sampler is None, estimator is None)
    return Primitives(sampler or made.sampler, estimator or made.estimator, backend)


def estimator_use(
    wanted: bool | None,
    is_given: bool,
    primitives: Primitives,
    options: Mapping[str, Any] | None = None,
) -> EstimatorUse:
    """Which tapes the estimator serves.

    Exact values come from it by default. With shots an estimator need not give what samples give
    (Aer's adds normal noise, whatever the observable's values): it must be asked for.

    Args:
        wanted: what the user says; None if nothing.
        is_given: whether the estimator is the user's own.
        primitives: what there is.
        options: of the primitives. One that only the estimator knows asks for it.
    """
    if primitives.estimator is None:
        return EstimatorUse(exact=False, sampled=False)
    if wanted is not None:
        return EstimatorUse(exact=wanted, sampled=wanted)
    return EstimatorUse(exact=True, sampled=is_given or _is_for_estimator(primitives, options))


def _is_for_estimator(primitives: Primitives, options: Mapping[str, Any] | None) -> bool:
    if not options or primitives.backend is None:
        return False
    provider = provider_of(primitives.backend, primitives.backend)
    return any(
        name in provider.estimator.option_names - provider.sampler.option_names for name in options
    )


def _check(name: str, primitive: object, kind: type) -> None:
    if primitive is not None and not isinstance(primitive, kind):
        raise TypeError(
            f"{name} must be a qiskit.primitives.{kind.__name__}, got {type(primitive).__name__}."
        )


@contextmanager
def open_session(
    backend: BackendV2,
    max_time: int | str | None = None,
    *,
    seed: Seed = None,
    options: Mapping[str, Any] | None = None,
) -> Iterator[Primitives]:
    """Primitives whose jobs keep their turn on an IBM machine until the block is left.

    On any other backend there is no queue to leave, and the primitives are the usual ones. On
    every exit, errors and Ctrl-C included, the session is closed; jobs already sent still run.

    Args:
        backend: on which to open the session.
        max_time: the longest time that it stays open: seconds, or such as ``"1h 30m"``.
        seed: as in :func:`choose_primitives`.
        options: as in :func:`choose_primitives`.

    Raises:
        ValueError: as :func:`choose_primitives`, or if ``max_time`` is no time.

    The primitives raise a ``RuntimeError`` when they are used after the block.
    """
    with _open("session", backend, max_time, seed, options) as primitives:
        yield primitives


@contextmanager
def open_batch(
    backend: BackendV2,
    max_time: int | str | None = None,
    *,
    seed: Seed = None,
    options: Mapping[str, Any] | None = None,
) -> Iterator[Primitives]:
    """Primitives whose jobs an IBM machine takes together, as far as they do not build on another.

    Arguments, errors and what holds on other backends are those of :func:`open_session`.
    """
    with _open("batch", backend, max_time, seed, options) as primitives:
        yield primitives


@contextmanager
def _open(
    kind: str,
    backend: BackendV2,
    max_time: int | str | None,
    seed: Seed,
    options: Mapping[str, Any] | None,
) -> Iterator[Primitives]:
    require_max_time(max_time)
    # Made once without the session, so that a bad option opens none.
    made = _make_primitives(backend, backend, seed, options)
    mode = _ibm_mode(kind)(backend=backend, max_time=max_time) if is_ibm(backend) else None
    window = _SessionState(f"The {kind} on {backend.name}")
    try:
        if mode is not None:
            made = _make_primitives(backend, mode, seed, options)
        yield Primitives(
            DelegatingSampler(lambda: window.require_open(made.sampler), backend),
            DelegatingEstimator(lambda: window.require_open(made.estimator), backend),
            backend,
        )
    finally:
        window.is_open = False
        if mode is not None:
            _close(mode, window.name)


def _ibm_mode(kind: str) -> Any:
    from qiskit_ibm_runtime import Batch, Session

    return Session if kind == "session" else Batch


def _close(mode: Any, name: str) -> None:
    # Not raised: the error that ends the block matters more, and must not be hidden.
    try:
        mode.close()
    except Exception as error:
        warn(
            f"{name} could not be closed ({error}) and may go on costing time. Its id is "
            f"{mode.session_id!r}; close it on the IBM Quantum Platform.",
            RuntimeWarning,
            stacklevel=2,
        )


@dataclass
class _SessionState:
    """Whether a session is open."""

    name: str
    is_open: bool = True

    def require_open(self, primitive: Any) -> Any:
        if not self.is_open:
            raise RuntimeError(
                f"{self.name} is closed. Open another one, and use its primitives inside its "
                "`with` block only."
            )
        return primitive


def _make_primitives(
    backend: BackendV2,
    mode: Any,
    seed: Seed,
    options: Mapping[str, Any] | None,
    with_sampler: bool = True,
    with_estimator: bool = True,
) -> Primitives:
    """Primitives for a backend that send their jobs to ``mode``, the backend or a session on it."""
    provider = provider_of(backend, mode)
    known = (provider.sampler.option_names if with_sampler else frozenset()) | (
        provider.estimator.option_names if with_estimator else frozenset()
    )
    _refuse_unknown(options or {}, known, f"the primitives for {backend.name}")
    return Primitives(
        make_sampler(provider, backend, seed, options or {}) if with_sampler else None,
        make_estimator(provider, backend, seed, options or {}) if with_estimator else None,
        backend,
    )


def _refuse_unknown(options: Mapping[str, Any], known: frozenset[str], of: str) -> None:
    unknown = [name for name in options if name not in known]
    if unknown:
        names = ", ".join(map(repr, unknown))
        listed = ", ".join(sorted(known)) or "none"
        raise ValueError(f"Unknown option {names} of {of}. They know: {listed}.")
