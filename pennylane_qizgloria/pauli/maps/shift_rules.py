r"""Exact derivatives of a closed form as combinations of a few of its members.

Whatever follows a family of maps :math:`T(\theta) = \sum_f \varphi_f(\theta) C_f` linearly depends
on :math:`\theta` through the features only: :math:`y(\theta) = \varphi(\theta) \cdot v`. So with as
many sets of parameters :math:`\theta_n` (nodes) as there are independent features,

.. math::
    \frac{\partial y}{\partial\theta_j} = \sum_n w_{jn}(\theta)\, y(\theta_n), \qquad
    w_j(\theta) = \frac{\partial\varphi}{\partial\theta_j} \Phi^{-1}, \quad
    \Phi_{nf} = \varphi_f(\theta_n).

The nodes do not depend on where the derivative is taken, and are all inside of the domain: no
circuit has a negative probability, however close to zero a strength is.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..caching import cached
from .transfer import ClosedForm

CANDIDATES = (0.0, 0.25, 0.5, 0.75, 1.0, 64.0)
"""Values that nodes are made of: probabilities, and for times one that is as good as infinite."""


@cached(maxsize=None)
def nodes(form: ClosedForm) -> Float[Tensor, "nodes params"]:
    """Sets of parameters inside of a family's domain whose features span all of its features.

    The ones that are farthest apart are taken (the pivots of a QR decomposition), because weights,
    and with them the noise of shots, grow where nodes are close.

    >>> from pennylane_qizgloria.pauli.maps.channels import AMPLITUDE_DAMPING, DEPOLARIZING
    >>> nodes(DEPOLARIZING).flatten().tolist(), nodes(AMPLITUDE_DAMPING).flatten().tolist()
    ([1.0, 0.0], [0.0, 1.0, 0.75])
    """
    values = torch.tensor(CANDIDATES, dtype=torch.float64)
    grid = torch.cartesian_prod(*[values] * form.num_params).view(-1, form.num_params)
    if form.valid is not None:
        grid = grid[form.valid(grid)]
    rest = _features(form, grid)
    chosen: list[int] = []
    while len(chosen) < rest.shape[1]:
        norms = rest.norm(dim=1)
        chosen.append(int(norms.argmax()))
        direction = rest[chosen[-1]] / norms[chosen[-1]]
        rest = rest - torch.outer(rest @ direction, direction)
    return grid[chosen]


def derivative_weights(
    form: ClosedForm, params: Float[Tensor, "sets params"]
) -> Float[Tensor, "sets params nodes"]:
    """The weights of the nodes in the derivatives by each parameter; torch differentiates them.

    >>> from pennylane_qizgloria.pauli.maps.channels import DEPOLARIZING
    >>> derivative_weights(DEPOLARIZING, torch.tensor([[0.3]]).double()).tolist()
    [[[1.0, -1.0]]]
    """
    slopes = torch.func.vmap(torch.func.jacrev(lambda own: _features(form, own)))(params)
    return slopes.mT @ torch.linalg.inv(_features(form, nodes(form))).to(slopes)


def _features(
    form: ClosedForm, params: Float[Tensor, "*sets params"]
) -> Float[Tensor, "*sets features"]:
    """The features that have an effect."""
    effective = form.coefficients.flatten(1).any(1)
    return form.features(params)[..., effective.nonzero()[:, 0]]
