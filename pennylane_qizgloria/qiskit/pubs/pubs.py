"""PUBs while tapes are added to them, the parts of them that are sent, and what is read of them.

All tapes of one structure share a PUB: one compiled circuit, and a row of parameter values for each
tape or element of a batch. A part is a PUB in Qiskit's sense; mostly it is all of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from qiskit.primitives.containers import BindingsArray
from qiskit.quantum_info import SparsePauliOp

from ..compile.transpilation import Compiled


@dataclass(frozen=True)
class Part:
    """Rows of a PUB that are sent together.

    Args:
        number: of the PUB that they belong to.
        pub: what the primitive runs.
        rows: how many there are.
        shots: of each row; 1 for an estimator, whose primitive decides about them.
        setting: what the primitive is asked for: the number of shots, or the precision.
    """

    number: int
    pub: tuple
    rows: int
    shots: int
    setting: Any = None

    @property
    def total_shots(self) -> int:
        """The shots of all rows."""
        return self.rows * self.shots


@dataclass(frozen=True)
class Reading:
    """What a tape costs, and how its result follows from what a primitive gives for its PUBs.

    Args:
        read: gives the result, from what there is of each PUB.
        executions: how many circuits run, counted for each basis in which they are measured.
        total_shots: of all of them; 0 for exact values.
    """

    read: Callable[[Sequence[Any]], Any]
    executions: int
    total_shots: int


@dataclass
class Pub:
    """A PUB while rows are added to it.

    Args:
        number: its place among the PUBs of its primitive.
        compiled: the circuit.
        setting: the number of shots of each row, or for an estimator the precision.
        observables: what an estimator estimates; None for a sampler.
    """

    number: int
    compiled: Compiled
    setting: Any
    observables: tuple[SparsePauliOp, ...] | None = None
    rows: list[Float[np.ndarray, "rows parameters"]] = field(default_factory=list)
    length: int = 0

    def add(self, values: Float[np.ndarray, "rows parameters"]) -> slice:
        """Append rows; return where they are."""
        self.rows.append(values)
        start, self.length = self.length, self.length + len(values)
        return slice(start, self.length)

    def parts(self, max_shots: int | None = None) -> Iterator[Part]:
        """The rows in as few parts as possible.

        Args:
            max_shots: the most shots that the rows of a part may have in total; None for any
                number. A part has one row at least.
        """
        shots = 1 if self.observables is not None else self.setting
        most = self.length if max_shots is None else max(max_shots // shots, 1)
        bindings = self._bindings()
        if bindings is None:
            # Rows without parameters are all alike. Aer runs them once and gives noughts for the
            # others, so each goes alone.
            most, bindings = 1, BindingsArray(shape=(self.length,))
        mapped = None
        if self.observables is not None:
            mapped = [[self.compiled.on_qubits(observable)] for observable in self.observables]
        for low in range(0, self.length, most):
            high = min(low + most, self.length)
            own = _rows(bindings, low, high)
            inputs = (own,) if mapped is None else (mapped, own)
            pub = (self.compiled.circuit, *inputs, self.setting)
            yield Part(self.number, pub, high - low, shots, self.setting)

    def _bindings(self) -> BindingsArray | None:
        """The values of the parameters that the compiled circuit has kept; None if it has none."""
        source, compiled = self.compiled.source.circuit, self.compiled.circuit
        kept = set(compiled.parameters)
        columns = [i for i, parameter in enumerate(source.parameters) if parameter in kept]
        if not columns:
            return None
        names = tuple(source.parameters[i] for i in columns)
        return BindingsArray({names: np.concatenate(self.rows)[:, columns]})


def _rows(bindings: BindingsArray, low: int, high: int) -> BindingsArray:
    # Qiskit loses the shape of bindings without parameters when it indexes them.
    if not bindings.num_parameters:
        return BindingsArray(shape=(high - low,))
    return bindings[low:high]


class Pubs:
    """The PUBs of one primitive, found by what their tapes have in common."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, Pub] = {}

    def __iter__(self) -> Iterator[Pub]:
        return iter(self._by_key.values())

    def get(
        self,
        key: Hashable,
        compiled: Compiled,
        setting: Any,
        observables: tuple[SparsePauliOp, ...] | None = None,
    ) -> Pub:
        """The PUB of that key, a new one if there is none yet; arguments as of `Pub`."""
        if key not in self._by_key:
            self._by_key[key] = Pub(len(self._by_key), compiled, setting, observables)
        return self._by_key[key]
