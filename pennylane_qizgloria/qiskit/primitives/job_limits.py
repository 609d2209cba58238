"""What one job may hold, by what runs it."""

from __future__ import annotations

from dataclasses import dataclass

from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    BaseEstimatorV2,
    BaseSamplerV2,
)
from qiskit.providers import BackendV2

from ..backends.resolve import backend_of, is_aer, is_ibm, pub_limit
from .providers import DelegatingEstimator, DelegatingSampler

IBM_SHOTS = 10_000_000
"""How many shots the circuits of one sampler job may have in all on IBM's machines.

The service refuses larger jobs, but its backends do not state it:
https://quantum.cloud.ibm.com/docs/guides/job-limits. Estimator jobs have no such limit."""

_SPLITTING_PRIMITIVES = (
    BackendSamplerV2,
    BackendEstimatorV2,
    DelegatingSampler,
    DelegatingEstimator,
)
"""Primitives that share out circuits themselves, according to ``BackendV2.max_circuits``."""


@dataclass(frozen=True)
class Limits:
    """What one job of a primitive may hold at most; None where nothing bounds it.

    Args:
        pubs: how many PUBs.
        shots: how many shots all rows of parameters have together.
        same_shots_or_precision: whether all PUBs must have the same number of shots, or
            the same precision.
    """

    pubs: int | None = None
    shots: int | None = None
    same_shots_or_precision: bool = False


def limits_of(
    primitive: BaseSamplerV2 | BaseEstimatorV2, backend: BackendV2 | None = None
) -> Limits:
    """What one job of a primitive may hold at most.

    Qiskit's own primitives take any number of circuits, and run as many at once as the backend
    takes; Aer takes any number, too. Another primitive may take as many PUBs as its backend takes
    circuits (``BackendV2.max_circuits``): the circuits of a PUB are up to the primitive.

    Args:
        primitive: the sampler or the estimator.
        backend: what it runs on, if it does not say so itself.

    >>> from qiskit.primitives import StatevectorSampler
    >>> limits_of(StatevectorSampler())
    Limits(pubs=None, shots=None, same_shots_or_precision=False)
    """
    backend = backend_of(primitive) or backend
    if backend is None or is_aer(backend):
        return Limits()
    if is_ibm(backend):
        # Its client runs all PUBs of a job with the same number of shots.
        shots = IBM_SHOTS if isinstance(primitive, BaseSamplerV2) else None
        return Limits(shots=shots, same_shots_or_precision=True)
    return Limits(pubs=None if isinstance(primitive, _SPLITTING_PRIMITIVES) else pub_limit(backend))
