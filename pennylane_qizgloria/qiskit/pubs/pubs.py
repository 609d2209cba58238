"""PUBs while tapes are added to them, and the chunks of them that jobs run.

All tapes of one structure share a PUB: one compiled circuit, and a row of parameter values for each
tape or element of a batch. A chunk is what Qiskit takes for a PUB: all rows, or as many as a job
may hold.
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
class PubChunk:
    """Rows of a PUB that are sent together.

    Args:
        number: of the PUB that they belong to.
        pub: what the primitive runs, as Qiskit takes it.
        rows: how many there are.
        shots: of each row; 1 for an estimator, whose primitive decides about them.
        shots_or_precision: what the primitive is asked for: the number of shots, or the precision.
    """

    number: int
    pub: tuple
    rows: int
    shots: int
    shots_or_precision: Any = None

    @property
    def total_shots(self) -> int:
        """The shots of all rows."""
        return self.rows * self.shots


@dataclass(frozen=True)
class TapePlan:
    """What a tape costs, and how its result follows from what a primitive gives for its PUBs.

    Args:
        postprocess: gives the result in PennyLane's shape, from the bits or the means of each PUB.
        executions: how many circuits run, counted for each basis in which they are measured.
        total_shots: of all of them; 0 for exact values.
    """

    postprocess: Callable[[Sequence[Any]], Any]
    executions: int
    total_shots: int


@dataclass
class PubBuilder:
    """A PUB while rows are added to it.

    Args:
        number: its index among the PUBs of its primitive.
        compiled: the circuit.
        shots_or_precision: the number of shots of each row, or for an estimator the precision.
        observables: what an estimator estimates; None for a sampler.
    """

    number: int
    compiled: Compiled
    shots_or_precision: Any
    observables: tuple[SparsePauliOp, ...] | None = None
    rows: list[Float[np.ndarray, "rows parameters"]] = field(default_factory=list)
    length: int = 0

    def add(self, values: Float[np.ndarray, "rows parameters"]) -> slice:
        """Append rows; return where they are."""
        self.rows.append(values)
        start, self.length = self.length, self.length + len(values)
        return slice(start, self.length)

    def chunks(self, max_shots: int | None = None) -> Iterator[PubChunk]:
        """The rows in as few chunks as possible.

        Args:
            max_shots: the most shots that the rows of a chunk may have in total; None for any
                number. A chunk has one row at least.
        """
        shots = 1 if self.observables is not None else self.shots_or_precision
        most = self.length if max_shots is None else max(max_shots // shots, 1)
        bindings = self._bindings()
        if bindings is None:
            # Rows without parameters are all alike. Aer runs the first and gives zeros for the
            # others, so each is a chunk of its own.
            most, bindings = 1, BindingsArray(shape=(self.length,))
        mapped = None
        if self.observables is not None:
            mapped = [[self.compiled.on_qubits(observable)] for observable in self.observables]
        for low in range(0, self.length, most):
            high = min(low + most, self.length)
            own = _rows(bindings, low, high)
            inputs = (own,) if mapped is None else (mapped, own)
            pub = (self.compiled.circuit, *inputs, self.shots_or_precision)
            yield PubChunk(self.number, pub, high - low, shots, self.shots_or_precision)

    def _bindings(self) -> BindingsArray | None:
        """The values of the compiled circuit's parameters; None if it has none."""
        source, compiled = self.compiled.source.circuit, set(self.compiled.circuit.parameters)
        columns = [i for i, parameter in enumerate(source.parameters) if parameter in compiled]
        if not columns:
            return None
        parameters = tuple(source.parameters[i] for i in columns)
        return BindingsArray({parameters: np.concatenate(self.rows)[:, columns]})


def _rows(bindings: BindingsArray, low: int, high: int) -> BindingsArray:
    # Qiskit loses the shape of bindings without parameters when it indexes them.
    if not bindings.num_parameters:
        return BindingsArray(shape=(high - low,))
    return bindings[low:high]


class PubCollection:
    """The PUBs of one primitive, found by what their tapes have in common."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, PubBuilder] = {}

    def __iter__(self) -> Iterator[PubBuilder]:
        return iter(self._by_key.values())

    def get(
        self,
        key: Hashable,
        compiled: Compiled,
        shots_or_precision: Any,
        observables: tuple[SparsePauliOp, ...] | None = None,
    ) -> PubBuilder:
        """The PUB of that key, a new one if there is none yet; arguments as of `PubBuilder`."""
        if key not in self._by_key:
            number = len(self._by_key)
            self._by_key[key] = PubBuilder(number, compiled, shots_or_precision, observables)
        return self._by_key[key]
