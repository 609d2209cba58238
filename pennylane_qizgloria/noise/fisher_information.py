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


def information(
    problem: FitProblem, theta: Float[Tensor, " parameters"], numbers: Sequence[int]
) -> Information:
    """The Fisher information of some circuits, with as many shots as were counted."""
    total = torch.zeros(len(theta), len(theta), dtype=torch.float64)
    for number in numbers:
        point = theta.clone().requires_grad_()
        (p,) = problem.probabilities(point, [number])
        rows = [torch.autograd.grad(own, point, retain_graph=True)[0] for own in p]
        slopes = torch.stack(rows)
        weights = problem.counts[number].sum() / p.detach().clamp_min(LEAST_PROBABILITY)
        total += slopes.T @ (weights[:, None] * slopes)
    return Information(*torch.linalg.eigh(total))
