r"""Fisher scoring: steps towards the parameters that make counts most likely.

With the logarithm :math:`\ell` of the likelihood and the Fisher information I, a step is

.. math:: \delta = (I + \mu\,\mathrm{diag}\,I + \epsilon)^{-1}\, \nabla \ell,

Newton's with the expected second derivatives, which cannot be negative, in the place of those that
there are (Osborne, Int. Stat. Rev. 60, 99, 1992). The damping :math:`\mu` grows where a step makes
the counts less likely, and shrinks elsewhere (Levenberg, Quart. Appl. Math. 2, 164, 1944). The
small :math:`\epsilon` keeps parameters where they are that the circuits say nothing about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from .fisher_information import scores
from .fit_problem import FitProblem

LARGEST_STEP = 1.0
"""No parameter moves farther at once: no strength by more than a factor e."""

NEGLIGIBLE_GAIN = 1e-3
"""A step that promises a smaller gain of the logarithm of the likelihood is the last one: noise of
the counts alone changes it by one half for each parameter."""

LEAST_INFORMATION = 1e-2
"""What is added to the information."""

FIRST_DAMPING = 1e-3
DAMPING_FACTOR = 10.0


@dataclass(frozen=True, eq=False)
class Scored:
    """Where Fisher scoring came to.

    Args:
        theta: the parameters.
        information: the Fisher information there.
        losses: the mean negative logarithm of the likelihood at each evaluation.
        converged: whether another step would gain nothing.
    """

    theta: Float[Tensor, " parameters"]
    information: Float[Tensor, "parameters parameters"]
    losses: tuple[float, ...]
    converged: bool


class _Point(NamedTuple):
    """A point, and what is known of the likelihood there."""

    theta: Tensor
    log_likelihood: float
    gradient: Tensor
    information: Tensor


def fisher_scoring(
    problem: FitProblem,
    numbers: Sequence[int],
    max_evaluations: int,
    on_evaluation: Callable[[float], None] = lambda loss: None,
) -> Scored:
    """Find the parameters that make the counts of some circuits most likely.

    Args:
        problem: circuits and counts, and where to begin.
        numbers: those of the circuits.
        max_evaluations: how often all of them may be simulated.
        on_evaluation: is told the mean negative logarithm of the likelihood at each evaluation.
    """
    total = sum(float(problem.counts[number].sum()) for number in numbers)
    losses: list[float] = []

    def at(theta: Tensor) -> _Point:
        point = _Point(theta, *scores(problem, theta, numbers))
        losses.append(-point.log_likelihood / total)
        on_evaluation(losses[-1])
        return point

    best, damping, converged = at(problem.start()), FIRST_DAMPING, False
    while True:
        step, gain = _step(best, damping)
        converged = gain < NEGLIGIBLE_GAIN
        if converged or len(losses) >= max_evaluations:
            return Scored(best.theta, best.information, tuple(losses), converged)
        point = at(best.theta + step)
        if point.log_likelihood > best.log_likelihood:
            best, damping = point, damping / DAMPING_FACTOR
        else:
            damping = damping * DAMPING_FACTOR


def _step(point: _Point, damping: float) -> tuple[Float[Tensor, " parameters"], float]:
    """A step, and how much it should gain."""
    information = point.information
    damped = information + torch.diag(damping * information.diagonal() + LEAST_INFORMATION)
    step = torch.linalg.solve(damped, point.gradient)
    gain = float(point.gradient @ step) / 2
    return step * (LARGEST_STEP / step.abs().max().clamp_min(LARGEST_STEP)), gain
