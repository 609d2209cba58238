"""What PUBs cost: how many circuits run, and with how many shots in all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from qiskit.primitives.containers import EstimatorPub, SamplerPub
from qiskit.quantum_info import PauliList

Kind = Literal["sampler", "estimator"]

_LETTERS = str.maketrans("01+-rl", "ZZXXYY")
"""Qiskit's projectors, by the Pauli in whose basis they are measured."""


@dataclass(frozen=True)
class Cost:
    """What calls cost, as `JobRecord` and ``qml.Tracker`` count it.

    Args:
        jobs: how many there are.
        pubs: of all jobs.
        executions: how many circuits run, counted for each row of parameters, and for an
            estimator for each basis that its observables need.
        total_shots: of all of these; exact values take none, and what a primitive decides about
            is not counted.

    >>> Cost(jobs=1, pubs=1, executions=4, total_shots=400) + Cost(1, 2, 3, 300)
    Cost(jobs=2, pubs=3, executions=7, total_shots=700)
    """

    jobs: int = 0
    pubs: int = 0
    executions: int = 0
    total_shots: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.jobs + other.jobs,
            self.pubs + other.pubs,
            self.executions + other.executions,
            self.total_shots + other.total_shots,
        )


@dataclass(frozen=True)
class PubCost:
    """What a PUB costs.

    Args:
        executions: how many circuits run.
        shots: of each; None for exact values, or where the primitive decides.
    """

    executions: int
    shots: int | None


def pub_cost(pub: Any, kind: Kind, run_options: dict[str, Any]) -> PubCost:
    """What a PUB costs.

    Args:
        pub: anything that Qiskit takes for one.
        kind: of the primitive that runs it.
        run_options: of the primitive's ``run``.
    """
    if kind == "sampler":
        sampled = SamplerPub.coerce(pub, run_options.get("shots"))
        return PubCost(sampled.parameter_values.size, sampled.shots)
    estimated = EstimatorPub.coerce(pub, run_options.get("precision"))
    labels = {label for own in estimated.observables.ravel().tolist() for label in own}
    precision = estimated.precision
    return PubCost(
        estimated.parameter_values.size * num_bases(labels),
        round(precision**-2) if precision else None,
    )


def num_bases(labels: Iterable[str]) -> int:
    """In how many bases Pauli words that commute qubit by qubit can be measured; 1 at least.

    >>> num_bases(["ZI", "ZZ", "XI", "XY", "II"])
    2
    """
    return _num_bases(tuple(sorted({label.translate(_LETTERS) for label in labels})))


@lru_cache(maxsize=256)
def _num_bases(labels: tuple[str, ...]) -> int:
    return len(PauliList(labels).group_commuting(qubit_wise=True))
