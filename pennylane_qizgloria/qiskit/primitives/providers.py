"""The primitives of Aer, of IBM's client and of Qiskit itself: how each are made and seeded.

Each provider's primitives take options in a form of their own and want a seed in another place.
Aer's and Qiskit's start again from their seed at each job, so with a seed they are made anew for
each job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    BaseEstimatorV2,
    BasePrimitiveJob,
    BaseSamplerV2,
)
from qiskit.primitives.containers import EstimatorPub
from qiskit.providers import BackendV2

from ..._compat.qiskit import make_aer_estimator, make_aer_sampler
from ..backends.checked_backend import CheckedBackend
from ..backends.resolve import is_aer, is_ibm
from ..backends.seeds import JobSeeds
from ..convert.channels import exact_options

Seed = int | JobSeeds | None
P = TypeVar("P", bound=BaseSamplerV2 | BaseEstimatorV2)


@dataclass(frozen=True)
class Factory(Generic[P]):
    """Makes a provider's samplers, or its estimators.

    Args:
        make: takes a seed, or None, and options.
        option_names: the options that it knows.
    """

    make: Callable[[int | None, dict[str, Any]], P]
    option_names: frozenset[str]


@dataclass(frozen=True)
class Provider:
    """The factories of a provider's primitives.

    Args:
        sampler: makes samplers.
        estimator: makes estimators.
        is_seeded: whether they take a seed.
    """

    sampler: Factory[BaseSamplerV2]
    estimator: Factory[BaseEstimatorV2]
    is_seeded: bool = True


def provider_of(backend: BackendV2, mode: Any) -> Provider:
    """The provider of a backend, sending jobs to ``mode``: the backend, or an IBM session on it."""
    if is_aer(backend):
        return _aer(backend)
    return _ibm(mode) if is_ibm(backend) else _generic(backend)


@dataclass(frozen=True)
class DelegatingSampler(BaseSamplerV2):
    """A sampler that asks at each run which sampler is to run.

    Args:
        provide: gives that sampler.
        backend: what all of them run on.
    """

    provide: Callable[[], BaseSamplerV2] = field(repr=False)
    backend: BackendV2

    def run(
        self, pubs: Iterable[Any], *, shots: int | None = None, **options: Any
    ) -> BasePrimitiveJob:
        """Run on the sampler provided for this run."""
        return self.provide().run(pubs, shots=shots, **options)


@dataclass(frozen=True)
class DelegatingEstimator(BaseEstimatorV2):
    """An estimator that asks at each run which estimator is to run.

    Args:
        provide: gives that estimator.
        backend: what all of them run on.
    """

    provide: Callable[[], BaseEstimatorV2] = field(repr=False)
    backend: BackendV2

    def run(
        self, pubs: Iterable[Any], *, precision: float | None = None, **options: Any
    ) -> BasePrimitiveJob:
        """Run on the estimator provided for this run."""
        return self.provide().run(pubs, precision=precision, **options)


def make_sampler(
    provider: Provider, backend: BackendV2, seed: Seed, options: Mapping[str, Any]
) -> BaseSamplerV2:
    """A provider's sampler with those of the options that it knows, seeded anew for each job."""
    make = partial(_make, provider.sampler, options)
    unseeded = make(None)
    if seed is None or not provider.is_seeded:
        return unseeded
    seeds = seed if isinstance(seed, JobSeeds) else JobSeeds(seed)
    return DelegatingSampler(lambda: make(seeds.draw("sampler")), backend)


def make_estimator(
    provider: Provider, backend: BackendV2, seed: Seed, options: Mapping[str, Any]
) -> BaseEstimatorV2:
    """A provider's estimator with those of the options that it knows, seeded anew for each job."""
    make = partial(_make, provider.estimator, options)
    unseeded = make(None)
    if seed is None or not provider.is_seeded:
        return unseeded
    seeds = seed if isinstance(seed, JobSeeds) else JobSeeds(seed)
    return DelegatingEstimator(lambda: make(seeds.draw("estimator")), backend)


def _make(factory: Factory[P], options: Mapping[str, Any], seed: int | None) -> P:
    known = {name: value for name, value in options.items() if name in factory.option_names}
    return factory.make(seed, known)


def _option_names(options: Any) -> frozenset[str]:
    names = getattr(options, "model_fields", None) or [f.name for f in fields(options)]
    return frozenset(name for name in names if not name.startswith("_"))


def _generic(backend: BackendV2) -> Provider:
    checked = CheckedBackend(backend)

    def factory(kind: Any) -> Factory:
        def make(seed: int | None, options: dict[str, Any]) -> Any:
            seeded = options if seed is None else {**options, "seed_simulator": seed}
            return kind(backend=checked, options=seeded)

        return Factory(make, _option_names(type(kind(backend=backend).options)))

    return Provider(factory(BackendSamplerV2), factory(BackendEstimatorV2))


def _aer(backend: BackendV2) -> Provider:
    def sampler(seed: int | None, options: dict[str, Any]) -> BaseSamplerV2:
        rest = dict(options)
        shots = rest.pop("default_shots", 1024)
        return make_aer_sampler(
            CheckedBackend(backend), default_shots=shots, seed=seed, options=rest
        )

    def estimator(seed: int | None, options: dict[str, Any]) -> BaseEstimatorV2:
        run_options = dict(options.get("run_options", {}))
        if seed is not None:
            run_options["seed_simulator"] = seed

        def options_of(pub: EstimatorPub) -> dict[str, Any]:
            return _options_of_pub(pub, backend, run_options)

        own = {**options, "run_options": run_options}
        return make_aer_estimator(CheckedBackend(backend), options_of, options=own)

    # Aer would accept backend_options too, and leave them without effect.
    return Provider(
        Factory(sampler, frozenset({"default_shots", "run_options"})),
        Factory(estimator, frozenset({"default_precision", "run_options"})),
    )


def _options_of_pub(
    pub: EstimatorPub, backend: BackendV2, run_options: dict[str, Any]
) -> dict[str, Any]:
    """The options with which Aer's estimator runs a PUB, of a job that has ``run_options``.

    Aer starts its normal noise from the seed at each PUB: it would be the same for all. So the seed
    of each PUB is drawn from that of the one before. The noise is added to exact values, so a PUB
    of any precision is run exactly where the user has not chosen a method.
    """
    seed = run_options.get("seed_simulator")
    if seed is not None:
        run_options["seed_simulator"] = int(np.random.default_rng(seed).integers(2**31))
    is_exact = pub.precision == 0 or backend.options.method == "automatic"
    if not is_exact or "method" in run_options:
        return dict(run_options)
    return run_options | exact_options(backend, [pub.circuit])


def _ibm(mode: Any) -> Provider:
    try:
        from qiskit_ibm_runtime.executor_estimator import Estimator
        from qiskit_ibm_runtime.executor_sampler import Sampler
        from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions
        from qiskit_ibm_runtime.options_models.sampler import SamplerOptions
    except ImportError:
        # Before 0.51 these were the ones to use; since then they warn.
        from qiskit_ibm_runtime import EstimatorOptions, SamplerOptions
        from qiskit_ibm_runtime import EstimatorV2 as Estimator
        from qiskit_ibm_runtime import SamplerV2 as Sampler

    return Provider(
        Factory(
            lambda _, options: Sampler(mode=mode, options=options), _option_names(SamplerOptions)
        ),
        Factory(
            lambda _, options: Estimator(mode=mode, options=options),
            _option_names(EstimatorOptions),
        ),
        is_seeded=False,
    )
