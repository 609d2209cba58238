"""What a module of a Qiskit circuit gives: expectation values, or probabilities of outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import pennylane as qml
from jaxtyping import Float, Int
from pennylane.operation import Operator
from torch import Tensor

from .observables import as_list, to_pennylane
from .outcomes import interpret_outcomes, measures_midway, read_ending, read_outcomes
from .roles import Roles


@dataclass(frozen=True)
class Outputs:
    """What `read_outputs` makes.

    Args:
        shape: of the result, without batch axes.
        observables: on wires 0 to n - 1, one for each entry; None for probabilities.
        index: the entry of the flattened result for each measured probability; None if what is
            measured is the result.
    """

    shape: tuple[int, ...]
    observables: tuple[Operator, ...] | None
    index: Int[Tensor, "outcomes"] | None


def read_outputs(
    template: Any,
    observables: Any,
    interpret: Any,
    output_shape: int | Iterable[int] | None,
    sparse: bool,
) -> Outputs:
    """The outputs that the user asks for; see `TorchCircuit`.

    Raises:
        TypeError: if an observable, or what ``interpret`` returns, is of the wrong kind.
        ValueError: if observables do not fit the circuit, come together with what is for
            probabilities or with final measurements, or ``interpret`` does not fit the shape.
    """
    if observables is None:
        outcomes, _ = read_outcomes(template)
        interpretation = interpret_outcomes(outcomes, interpret, output_shape)
        return Outputs(interpretation.shape, None, interpretation.index)
    _refuse_with_observables(
        template, interpret=interpret, output_shape=output_shape, sparse=sparse
    )
    own = tuple(to_pennylane(observable, template.num_wires) for observable in as_list(observables))
    if not own:
        raise ValueError("observables is empty; leave it out to get probabilities.")
    return Outputs((len(own),), own, None)


def _refuse_with_observables(template: Any, **given: Any) -> None:
    """What belongs to probabilities only."""
    named = [name for name, value in given.items() if value not in (None, False)]
    if named:
        raise ValueError(f"{', '.join(named)} cannot be given together with observables.")
    final = sorted(read_ending(template).final)
    if final:
        raise ValueError(
            f"The circuit ends with measurements into the classical bits {final}, so observables "
            "cannot be measured. Take them out with circuit.remove_final_measurements(), or leave "
            "out observables= to get the probabilities of the outcomes."
        )


def quantum_function(
    template: Any, roles: Roles, observables: tuple[Operator, ...] | None
) -> tuple[Callable, int | None]:
    """A circuit as a quantum function of inputs ``x`` and weights ``w``.

    Args:
        template: the circuit, as `from_qiskit` gives it.
        roles: of its parameters.
        observables: whose expectation values are returned; None for the outcomes' probabilities.

    Returns:
        The function, and how many wires a device needs for it; None if that is not known, since
        measurements on the way may take more.
    """
    measure: Callable[[Any], Any]
    if observables is None:
        outcomes, template = read_outcomes(template)
        measure = outcomes.process
    else:

        def measure(_: Any) -> list[Any]:
            return [qml.expval(observable) for observable in observables]

    def circuit(x: Any, w: Any) -> Any:
        return measure(template(roles.values(x, w)))

    return circuit, None if measures_midway(template) else template.num_wires


def interpreted(
    measured: Float[Tensor, "batch measured"],
    index: Int[Tensor, "measured"] | None,
    shape: tuple[int, ...],
) -> Float[Tensor, "batch outputs"]:
    """Probabilities added up in the entries of a flattened result.

    Args:
        measured: what is measured.
        index: as in `Outputs`.
        shape: the result's.
    """
    if index is None:
        return measured
    return measured.new_zeros(len(measured), prod(shape)).index_add(1, index, measured)
