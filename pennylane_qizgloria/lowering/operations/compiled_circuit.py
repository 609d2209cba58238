"""A circuit of closed forms as one operator, whose parameters are its own.

Taking apart an operator costs PennyLane some ten microseconds, and a circuit that was transpiled
and given the noise of a backend has hundreds. What does not depend on numbers is a `Template`, made
once; each scalar of its closed forms is a linear function of the operator's parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from pennylane.operation import Operation
from torch import Tensor

from ...pauli.caching import cached
from ...pauli.maps.transfer import ClosedForm
from ..context import Readout

FREQUENCY_DECIMALS = 10
"""To how many decimals the frequencies of a parameter are told apart."""


@dataclass(frozen=True)
class Linear:
    r"""A scalar :math:`c + \sum_k a_k d_k` of parameters d.

    Args:
        offset: c.
        terms: the numbers of parameters, and their coefficients a.
    """

    offset: float
    terms: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Step:
    """A closed form that is applied.

    Args:
        form: the closed form.
        wires: the places of its wires among those of the circuit.
        scalars: its parameters.
    """

    form: ClosedForm
    wires: tuple[int, ...]
    scalars: tuple[Linear, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Template:
    """A circuit without numbers. A copy is itself, so that what is cached of it serves all.

    Args:
        steps: what is applied, in order.
        num_params: how many parameters there are.
        functions: further parameters, which are functions of all these; they are counted on.
    """

    steps: tuple[Step, ...]
    num_params: int
    functions: tuple[Callable[[Sequence[Any]], Any], ...] = ()

    def __deepcopy__(self, memo: Any) -> Template:
        return self

    def frequencies(self, param: int) -> tuple[float, ...] | None:
        """The frequencies of results as functions of a parameter; None if they are no waves."""
        if self.functions:
            return None
        found = {0.0}
        for step in self.steps:
            factors = [a for scalar in step.scalars for i, a in scalar.terms if i == param]
            if not factors:
                continue
            gaps = _gaps(step.form)
            if gaps is None or len(step.scalars) > 1:
                return None
            shifts = [0.0, *(sign * abs(factors[0]) * gap for gap in gaps for sign in (1, -1))]
            found = {
                round(abs(old + shift), FREQUENCY_DECIMALS) for old, shift in product(found, shifts)
            }
        return tuple(sorted(found - {0.0}))


def _gaps(form: ClosedForm) -> tuple[float, ...] | None:
    """The frequencies of a rotation; None for another closed form."""
    return getattr(form.features, "frequencies", None) if form.generator is not None else None


class CompiledCircuit(Operation):
    """A circuit of closed forms.

    Args:
        params: its parameters, numbers or one for each element of a batch.
        wires: its wires.
        template: the circuit without numbers.
        readout: the readout error of its wires, which belongs to the circuit as its noise does:
            both are as they were when it was made. None for the device's.
    """

    grad_method = "A"

    def __init__(
        self,
        *params: Any,
        wires: Any,
        template: Template,
        readout: Readout | None = None,
        id: str | None = None,
    ) -> None:
        self._num_params = len(params)  # asked for while the operator is made
        super().__init__(*params, wires=wires, id=id)
        self.hyperparameters["template"] = template
        self.hyperparameters["readout"] = readout

    @property
    def ndim_params(self) -> tuple[int, ...]:
        """All are numbers."""
        return (0,) * self._num_params

    @property
    def num_params(self) -> int:
        """How many there are."""
        return self._num_params

    @property
    def template(self) -> Template:
        """The circuit without numbers."""
        return self.hyperparameters["template"]

    @property
    def readout(self) -> Readout | None:
        """The readout error of its wires; None for the device's."""
        return self.hyperparameters["readout"]

    def label(
        self, decimals: int | None = None, base_label: str | None = None, cache: Any = None
    ) -> str:
        """What drawings show."""
        return base_label or "compiled"


# --- its numbers ----------------------------------------------------------------------------------

CONSTANT, PLAIN, BATCHED = range(3)
"""Kinds of numbers: known ones, tensors, and those of which a batch has one for each element."""


class Share(NamedTuple):
    """The scalars of a template that are of one kind, in the order of its steps.

    Args:
        forms: the closed forms of the steps that they belong to.
        places: for each scalar the parameters that it is made of, padded by the first one.
        coefficients: their coefficients, padded by zeros.
        offsets: what is added.
    """

    forms: tuple[ClosedForm, ...]
    places: Int[Tensor, "scalars terms"]
    coefficients: Float[Tensor, "scalars terms"]
    offsets: Float[Tensor, " scalars"]

    def __call__(self, params: Float[Tensor, "*batch params"]) -> Float[Tensor, "*batch scalars"]:
        """The scalars."""
        terms = params[..., self.places.flatten()].unflatten(-1, self.places.shape)
        products = terms * self.coefficients.to(terms)
        total = products[..., 0] if products.shape[-1] == 1 else products.sum(-1)
        return total + self.offsets.to(total)


def kind_of(value: Any) -> int:
    """The kind of a parameter."""
    if np.ndim(value):
        return BATCHED
    return PLAIN if isinstance(value, Tensor) else CONSTANT


@cached(maxsize=256)
def kinds_of_steps(template: Template, kinds: tuple[int, ...]) -> tuple[int, ...]:
    """The kind of each step, from those of the parameters."""
    return tuple(
        max([CONSTANT, *(kinds[param] for scalar in step.scalars for param, _ in scalar.terms)])
        for step in template.steps
    )


@cached(maxsize=256)
def shares(template: Template, kinds: tuple[int, ...]) -> tuple[Share, Share, Share]:
    """The constant, the plain and the batched scalars, from the kinds of the parameters."""
    pairs = list(zip(template.steps, kinds_of_steps(template, kinds), strict=True))
    constant, plain, batched = (
        _share([step for step, own in pairs if own == kind]) for kind in range(3)
    )
    return constant, plain, batched


def _share(steps: Sequence[Step]) -> Share:
    scalars = [scalar for step in steps for scalar in step.scalars]
    width = max([1, *(len(scalar.terms) for scalar in scalars)])
    index = torch.zeros(len(scalars), width, dtype=torch.long)
    coefficients = torch.zeros(len(scalars), width, dtype=torch.float64)
    for row, scalar in enumerate(scalars):
        for column, (param, coefficient) in enumerate(scalar.terms):
            index[row, column], coefficients[row, column] = param, coefficient
    offsets = torch.tensor([scalar.offset for scalar in scalars], dtype=torch.float64)
    forms = tuple(step.form for step in steps if step.scalars)
    return Share(forms, index, coefficients, offsets)
