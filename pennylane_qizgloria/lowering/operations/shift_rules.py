"""Derivatives by parameters of operations as combinations of circuits with other parameters.

The rules come from a channel's closed form (see `pauli.maps.shift_rules`), or the frequencies
of a gate, which PennyLane knows. These are exact, and all of their circuits are physical. What has
no rule gets a central difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
import torch
from pennylane.exceptions import ParameterFrequenciesUndefinedError
from pennylane.operation import Operator
from torch import Tensor

from ...pauli.maps import channels
from ...pauli.maps.shift_rules import derivative_weights, nodes
from ...pauli.maps.transfer import ClosedForm
from .closed_forms import CHANNELS
from .compiled_circuit import CompiledCircuit
from .operations import NO_EFFECT


@dataclass(frozen=True)
class Term:
    """One of the circuits of a derivative.

    Args:
        data: the parameters of the operation there, all of them.
        weights: of the circuit in the derivative by each parameter: a number, or one for each
            element of a batch.
    """

    data: tuple[Any, ...]
    weights: dict[int, Any]


Rule = Callable[[Operator, Sequence[int], float], list[Term]]
"""Gives the terms of the derivatives by some parameters of an operation, from the standard
deviation of results."""


def shift_terms(op: Operator, trainable: Sequence[int], noise: float) -> list[Term]:
    """The terms of exact derivatives; of differences where there is no rule.

    Args:
        op: the operation.
        trainable: which of its parameters.
        noise: the standard deviation of results, which differences make large.

    Raises:
        NotImplementedError: for parameters that are arrays.

    >>> for term in shift_terms(qml.RX(0.3, 0), [0], 0.1):
    ...     print(f"{term.data[0]:.4f} with the weight {term.weights[0]:.1f}")
    1.8708 with the weight 0.5
    -1.2708 with the weight -0.5
    """
    form = _channel_form(op)
    if form is not None:
        return _by_nodes(op, form, trainable)
    terms = []
    for index in trainable:
        recipe = _recipe(op, index)
        if recipe is None:
            terms.extend(difference_terms(op, [index], noise))
        else:
            terms.extend(_by_shifts(op, index, recipe))
    return terms


def has_rule(op: Operator, index: int) -> bool:
    """Whether there is an exact rule for a parameter of an operation."""
    return _channel_form(op) is not None or _recipe(op, index) is not None


def difference_terms(op: Operator, trainable: Sequence[int], noise: float) -> list[Term]:
    """The terms of differences whose step fits the noise of results.

    The step is central, or to one side at the edge of an operation's domain.

    Args:
        op: the operation.
        trainable: which of its parameters.
        noise: the standard deviation of results.

    Raises:
        NotImplementedError: for parameters that are arrays.
    """
    terms = []
    for index in trainable:
        x = op.data[index]
        _require_number(op, index)
        step = step_for(noise)
        sides = [(step, -step), (step, 0.0), (0.0, -step)]
        inside = (pair for pair in sides if all(_is_valid(op, index, x + s) for s in pair))
        above, below = next(inside, sides[0])
        for sign, shift in ((1, above), (-1, below)):
            terms.append(Term(_with(op, index, x + shift), {index: sign / (above - below)}))
    return terms


def step_for(noise: float) -> float:
    r"""The step of a central difference of results with such a standard deviation.

    Noise makes an error of :math:`\sigma / \sqrt{2} h`, the step one of about :math:`h^2 / 6`.
    Their squares together are least for :math:`h = (3 \sigma)^{1/3}`.
    """
    return (3 * noise) ** (1 / 3)


# --- closed forms ---------------------------------------------------------------------------------


def _channel_form(op: Operator) -> ClosedForm | None:
    """A closed form with the features of a channel, if it has any."""
    if isinstance(op, qml.PauliError):
        # Whatever its word is, it is linear in the probability.
        return channels.BIT_FLIP
    return CHANNELS.get(type(op))


def _by_nodes(op: Operator, form: ClosedForm, trainable: Sequence[int]) -> list[Term]:
    weights = _node_weights(op, form)
    sizes = [len(x) for x in op.data if qml.math.ndim(x)]
    terms = []
    for number, node in enumerate(nodes(form).tolist()):
        own = {index: weights(index, number) for index in trainable}
        if any(map(_has_effect, own.values())):
            data = tuple(np.full(sizes[0], value) if sizes else value for value in node)
            if qml.math.get_interface(*op.data) == "autograd":
                # Results show by this whether autograd is to record how they follow from weights.
                data = tuple(value + 0.0 * x for value, x in zip(data, op.data, strict=True))
            terms.append(Term(data, own))
    return terms


def _node_weights(op: Operator, form: ClosedForm) -> Callable[[int, int], Any]:
    """The weights in the derivative by each parameter of each node.

    Each is a number or an array over the batch, in the parameters' interface, which can
    differentiate it: torch as often as it likes, others once.
    """
    interface = qml.math.get_interface(*op.data)
    if interface == "torch":
        tensors = [torch.as_tensor(x).double() for x in op.data]
        columns = torch.stack(torch.broadcast_tensors(*tensors), -1)
        found = derivative_weights(form, columns.reshape(-1, form.num_params))
        return lambda index, number: found[:, index, number].reshape(columns.shape[:-1])
    values = qml.math.unwrap(op.data)
    numbers = np.stack(np.broadcast_arrays(*values), -1).astype(float)
    plain = torch.as_tensor(numbers.reshape(-1, form.num_params))
    fixed = derivative_weights(form, plain).numpy()
    if interface in {"numpy", "builtins"}:
        return lambda index, number: _plain(fixed[:, index, number].reshape(numbers.shape[:-1]))
    slopes = torch.func.jacrev(lambda own: derivative_weights(form, own[None])[0])(plain[0]).numpy()
    steps = [x - value for x, value in zip(op.data, values, strict=True)]

    def weight(index: int, number: int) -> Any:
        slope = zip(slopes[index, number].tolist(), steps, strict=True)
        return sum((own * step for own, step in slope if own), float(fixed[0, index, number]))

    return weight


def _plain(weight: np.ndarray) -> float | np.ndarray:
    """Numpy's numbers are not multiplied by torch's tensors."""
    return weight if weight.ndim else float(weight)


def _has_effect(weight: Any) -> bool:
    """Whether a weight, or its derivative, may differ from zero."""
    if isinstance(weight, Tensor):
        return weight.requires_grad or bool((weight != 0).any())
    return not isinstance(weight, (float, np.ndarray)) or bool(np.any(weight != 0))


# --- gates ----------------------------------------------------------------------------------------


def _by_shifts(
    op: Operator, index: int, recipe: list[tuple[float, float, float]]
) -> Iterator[Term]:
    x = op.data[index]
    for weight, factor, shift in recipe:
        moved = (x if factor == 1 else factor * x) + shift
        yield Term(_with(op, index, moved), {index: weight})


def _recipe(op: Operator, index: int) -> list[tuple[float, float, float]] | None:
    """Weights, factors and shifts as PennyLane has them; None if it has none."""
    if op.name in NO_EFFECT or op.name == "Adjoint(GlobalPhase)":
        return []
    if getattr(op, "grad_method", None) != "A":
        return None
    own = op.grad_recipe[index]
    if own is not None:
        return [(float(weight), float(factor), float(shift)) for weight, factor, shift in own]
    frequencies = _frequencies(op, index)
    if frequencies is None:
        return None
    if not frequencies:
        return []
    rule = qml.gradients.generate_shift_rule(frequencies)
    return [(float(weight), 1.0, float(shift)) for weight, shift in rule]


def _frequencies(op: Operator, index: int) -> tuple[float, ...] | None:
    """The frequencies of results as functions of a parameter; None if they are not known."""
    if isinstance(op, CompiledCircuit):
        return op.template.frequencies(index)
    try:
        return tuple(map(float, op.parameter_frequencies[index]))
    except ParameterFrequenciesUndefinedError:
        return None


# --- differences ----------------------------------------------------------------------------------


def _require_number(op: Operator, index: int) -> None:
    if getattr(op, "grad_method", None) is None or op.ndim_params[index]:
        raise NotImplementedError(
            f"Parameter {index} of {op.name} on wires {op.wires.tolist()} has no derivative by "
            "shifts or differences: it is an array, not an angle or a strength. Without shots, "
            "diff_method='backprop' differentiates it."
        )


def _is_valid(op: Operator, index: int, value: Any) -> bool:
    form = _channel_form(op)
    if form is None or form.valid is None:
        return True
    data = [qml.math.toarray(x) for x in _with(op, index, value)]
    columns = np.stack(np.broadcast_arrays(*data), -1).astype(float)
    return bool(form.valid(torch.as_tensor(columns)).all())


def _with(op: Operator, index: int, value: Any) -> tuple[Any, ...]:
    return (*op.data[:index], value, *op.data[index + 1 :])
