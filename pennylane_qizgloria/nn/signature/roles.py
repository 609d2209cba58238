"""Which of a Qiskit circuit's parameters are inputs, and which are weights."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Roles:
    """What `assign_roles` makes.

    Args:
        inputs: the names of the inputs, in their order.
        weights: the names of the weights, in their order.
        columns: where each parameter's values come from, in the order of ``circuit.parameters``: a
            column of the inputs followed by the weights.
        unused: the names of those that the circuit does not have.
    """

    inputs: tuple[str, ...]
    weights: tuple[str, ...]
    columns: tuple[int, ...]
    unused: tuple[str, ...] = ()

    def values(
        self, x: Float[Tensor, "*batch inputs"], w: Float[Tensor, "*rows weights"]
    ) -> list[Float[Tensor, "*shape"]]:
        """A value of shape ``()`` or ``(batch,)`` for each parameter of the circuit, in order."""
        columns = [*x.unbind(-1), *w.unbind(-1)]
        return [columns[i] for i in self.columns]


def assign_roles(circuit: Any, inputs: Any, weights: Any) -> Roles:
    """Share a circuit's parameters out among inputs and weights.

    Args:
        circuit: the ``QuantumCircuit``.
        inputs: parameters, parameter vectors, names of either, or a collection of these in the
            order of the columns, so no set; None for none.
        weights: the same for the weights.

    Returns:
        The roles. Parameters that the circuit does not use keep their place and have no effect;
        `warn_of_unused` names them.

    Raises:
        TypeError: if something given is neither a parameter nor a name, or has no order.
        ValueError: if a name is not one of the circuit's parameters, if a parameter is named twice,
            or if one of the circuit's has no role.
    """
    given = [*_flat(circuit, inputs, "inputs"), *_flat(circuit, weights, "weights")]
    num_inputs = sum(1 for _ in _flat(circuit, inputs, "inputs"))
    twice = [parameter.name for parameter, count in Counter(given).items() if count > 1]
    if twice:
        raise ValueError(f"Each parameter is an input or a weight, once; named twice: {twice}.")
    column_of = {parameter: i for i, parameter in enumerate(given)}
    missing = [p.name for p in circuit.parameters if p not in column_of]
    if missing:
        raise ValueError(
            f"The circuit's parameters {missing} are neither inputs nor weights. Name them in "
            "inputs= or weights=, or bind them with circuit.assign_parameters."
        )
    names = [parameter.name for parameter in given]
    columns = tuple(column_of[p] for p in circuit.parameters)
    unused = tuple(name for i, name in enumerate(names) if i not in columns)
    return Roles(tuple(names[:num_inputs]), tuple(names[num_inputs:]), columns, unused)


def warn_of_unused(roles: Roles, stacklevel: int) -> None:
    """Name the parameters that have no effect.

    Args:
        roles: of a circuit's parameters.
        stacklevel: as for `warnings.warn`, seen from the caller.
    """
    if roles.unused:
        warnings.warn(
            f"The circuit does not have the parameters {list(roles.unused)}, which are named as "
            "inputs or weights: their values have no effect and their gradients are 0.",
            stacklevel=stacklevel + 1,
        )


def _flat(circuit: Any, given: Any, what: str) -> Iterator[Any]:
    """The parameters in what the user gave, one by one."""
    from qiskit.circuit import Parameter

    if given is None:
        return
    if isinstance(given, Parameter):
        yield given
    elif isinstance(given, str):
        yield from _named(circuit, given, what)
    elif isinstance(given, set | frozenset | Mapping):
        raise TypeError(
            f"{what} must name parameters in the order of the values, as in a list; got {given!r}."
        )
    elif isinstance(given, Iterable):
        for entry in given:
            yield from _flat(circuit, entry, what)
    else:
        raise TypeError(
            f"{what} must be parameters, parameter vectors or their names, got {given!r}."
        )


def _named(circuit: Any, name: str, what: str) -> list[Any]:
    """The parameter of a name, or all elements of the vector of that name."""
    vectors: dict[str, list[Any]] = {}
    for parameter in circuit.parameters:
        if parameter.name == name:
            return [parameter]
        vector = getattr(parameter, "vector", None)
        if vector is not None:
            vectors[vector.name] = list(vector)
    if name not in vectors:
        known = [parameter.name for parameter in circuit.parameters]
        raise ValueError(f"{what} names {name!r}, but the circuit's parameters are {known}.")
    return vectors[name]
