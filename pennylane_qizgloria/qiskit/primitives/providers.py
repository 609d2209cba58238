"""The primitives of Aer, of IBM's client and of Qiskit itself: how each are made and seeded.

Each provider's primitives take options in a shape of their own and want a seed in another place;
Aer's and Qiskit's start anew from their seed at each job, so they are made anew for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

import numpy as np
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    BaseEstimatorV2,
    BasePrimitiveJob,
    BaseSamplerV2,
)
from qiskit.providers import BackendV2

from ..backends.checked_backend import CheckedBackend
from ..backends.resolve import is_aer, is_ibm
from ..backends.seeds import JobSeeds, Stream
from ..convert.channels import exact_options

Seed = int | JobSeeds | None


@dataclass(frozen=True)
class Provider:
    """How a sampler and an estimator are made, and which options they know.

    ``sampler`` and ``estimator`` take a seed, or None, and the options.
    """

    sampler: Callable[[int | None, dict[str, Any]], BaseSamplerV2]
    estimator: Callable[[int | None, dict[str, Any]], BaseEstimatorV2]
    sampler_options: frozenset[str]
    estimator_options: frozenset[str]
    seeded: bool = True


def provider_of(backend: BackendV2, mode: Any) -> Provider:
    """The provider of a backend, sending jobs to ``mode``: the backend, or an IBM session on it."""
    if is_aer(backend):
        return _aer(backend)
    return _ibm(mode) if is_ibm(backend) else _generic(backend)


def _job_seeds(seed: int | JobSeeds, stream: Stream) -> Callable[[], int]:
    """Draws the seeds of a primitive's jobs."""
    seeds = seed if isinstance(seed, JobSeeds) else JobSeeds(seed)
    return lambda: seeds.draw(stream)


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
    known = {name: value for name, value in options.items() if name in provider.sampler_options}
    unseeded = provider.sampler(None, known)
    if seed is None or not provider.seeded:
        return unseeded
    draw = _job_seeds(seed, "sampler")
    return DelegatingSampler(lambda: provider.sampler(draw(), known), backend)


def make_estimator(
    provider: Provider, backend: BackendV2, seed: Seed, options: Mapping[str, Any]
) -> BaseEstimatorV2:
    """A provider's estimator with those of the options that it knows, seeded anew for each job."""
    known = {name: value for name, value in options.items() if name in provider.estimator_options}
    unseeded = provider.estimator(None, known)
    if seed is None or not provider.seeded:
        return unseeded
    draw = _job_seeds(seed, "estimator")
    return DelegatingEstimator(lambda: provider.estimator(draw(), known), backend)


def _option_names(options: Any) -> frozenset[str]:
    names = getattr(options, "model_fields", None) or [f.name for f in fields(options)]
    return frozenset(name for name in names if not name.startswith("_"))


def _generic(backend: BackendV2) -> Provider:
    def seeded(seed: int | None, options: dict[str, Any]) -> dict[str, Any]:
        return options if seed is None else {**options, "seed_simulator": seed}

    checked = CheckedBackend(backend)
    return Provider(
        lambda seed, options: BackendSamplerV2(backend=checked, options=seeded(seed, options)),
        lambda seed, options: BackendEstimatorV2(backend=checked, options=seeded(seed, options)),
        _option_names(type(BackendSamplerV2(backend=backend).options)),
        _option_names(type(BackendEstimatorV2(backend=backend).options)),
    )


def _aer(backend: BackendV2) -> Provider:
    from qiskit_aer.primitives import SamplerV2

    def sampler(seed: int | None, options: dict[str, Any]) -> BaseSamplerV2:
        rest = dict(options)
        default_shots = rest.pop("default_shots", 1024)
        own = SamplerV2.from_backend(backend, default_shots=default_shots, seed=seed, options=rest)
        own._backend = CheckedBackend(backend)
        return own

    def estimator(seed: int | None, options: dict[str, Any]) -> BaseEstimatorV2:
        run_options = dict(options.get("run_options", {}))
        if seed is not None:
            run_options["seed_simulator"] = seed
        own = _aer_estimator().from_backend(
            backend, options={**options, "run_options": run_options}
        )
        own._backend = CheckedBackend(backend)
        return own

    # Aer would accept backend_options too, and leave them without effect.
    return Provider(
        sampler,
        estimator,
        frozenset({"default_shots", "run_options"}),
        frozenset({"default_precision", "run_options"}),
    )


@cache
def _aer_estimator() -> Any:
    """Aer's estimator with noise apart for each PUB, and exact where no noise is asked for."""
    from qiskit_aer.primitives import EstimatorV2

    class AerEstimator(EstimatorV2):
        def _run_pub(self, pub: Any) -> Any:
            run_options = self.options.run_options
            seed = run_options.get("seed_simulator")
            if seed is not None:
                # Aer starts its normal noise from the seed at each PUB: it would be the same.
                run_options["seed_simulator"] = int(np.random.default_rng(seed).integers(2**31))
            # Noise of a precision is added to exact values, too.
            exact = pub.precision == 0 or self._backend.options.method == "automatic"
            if not exact or "method" in run_options:
                return super()._run_pub(pub)
            own = exact_options(self._backend, [pub.circuit])
            run_options.update(own)
            try:
                return super()._run_pub(pub)
            finally:
                for name in own:
                    del run_options[name]

    return AerEstimator


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
        lambda _, options: Sampler(mode=mode, options=options),
        lambda _, options: Estimator(mode=mode, options=options),
        _option_names(SamplerOptions),
        _option_names(EstimatorOptions),
        seeded=False,
    )
