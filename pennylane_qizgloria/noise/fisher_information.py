r"""What circuits tell about the parameters of their noise: the Fisher information.

For independent shots, N of them of each circuit,

.. math:: I_{jk} = \sum_c N_c \sum_b \frac{\partial_j p_c(b)\, \partial_k p_c(b)}{p_c(b)},

and no unbiased estimate has a smaller covariance matrix than its inverse (Cramér and Rao).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .fit_problem import LEAST_PROBABILITY, FitProblem

LARGEST_VARIANCE = 1.0
"""A combination of logarithms of a larger variance is not known: it may be off by a factor e."""

MAX_TANGENTS = 32
"""So many states at most are differentiated at once."""

PART = 0.3
"""From which component on a parameter belongs to a combination that is not known."""


@dataclass(frozen=True, eq=False)
class Information:
    """The Fisher information, by its eigenvectors.

    Args:
        values: its eigenvalues.
        vectors: its eigenvectors, as columns.
    """

    values: Float[Tensor, " parameters"]
    vectors: Float[Tensor, "parameters parameters"]

    @classmethod
    def of(cls, matrix: Float[Tensor, "parameters parameters"]) -> Information:
        """That of a matrix."""
        return cls(*torch.linalg.eigh(matrix))

    @property
    def known(self) -> Tensor:
        """Which of the eigenvectors are known well enough."""
        return self.values > 1 / LARGEST_VARIANCE

    @property
    def errors(self) -> Float[Tensor, " parameters"]:
        """The standard errors; NaN for parameters that are part of what is not known."""
        known, vectors = self.known, self.vectors
        variances = vectors[:, known].square() @ (1 / self.values[known])
        unknown = (vectors[:, ~known].abs() > PART).any(1)
        return torch.where(unknown, torch.nan, variances.sqrt())

    def confused(self, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """The parameters of each combination that is not known, by name."""
        rows = self.vectors[:, ~self.known].abs().T > PART
        groups = [
            tuple(name for name, part in zip(names, row, strict=True) if part) for row in rows
        ]
        return tuple(dict.fromkeys(group for group in groups if group))


def scores(
    problem: FitProblem, theta: Float[Tensor, " parameters"], numbers: Sequence[int]
) -> tuple[float, Float[Tensor, " parameters"], Float[Tensor, "parameters parameters"]]:
    """The logarithm of the likelihood, its gradient (the score), and the Fisher information.

    Args:
        problem: circuits and counts.
        theta: the parameters.
        numbers: the circuits that are counted on, with as many shots as were counted.
    """
    log_likelihood, score = 0.0, torch.zeros(len(theta), dtype=torch.float64)
    matrix = torch.zeros(len(theta), len(theta), dtype=torch.float64)
    for number in numbers:
        counts = problem.counts[number]
        p, slopes = _probabilities(problem, theta, number)
        log_likelihood += float(counts @ p.log())
        score += (counts / p) @ slopes
        matrix += slopes.T @ ((counts.sum() / p)[:, None] * slopes)
    return log_likelihood, score, matrix


def _probabilities(
    problem: FitProblem, theta: Float[Tensor, " parameters"], number: int
) -> tuple[Float[Tensor, " outcomes"], Float[Tensor, "outcomes parameters"]]:
    """The probabilities of a circuit's outcomes and their derivatives."""

    def probabilities(point: Tensor) -> Tensor:
        return problem.probabilities(point, [number])[0]

    def along(tangent: Tensor) -> tuple[Tensor, Tensor]:
        found = torch.func.jvp(probabilities, (theta.detach(),), (tangent,))
        return found[0], found[1]

    # Forward, because there are more outcomes than parameters as soon as circuits are large.
    directions = torch.eye(len(theta), dtype=theta.dtype)
    p, slopes = torch.func.vmap(along, chunk_size=MAX_TANGENTS)(directions)
    return p[0].clamp_min(LEAST_PROBABILITY), slopes.T
