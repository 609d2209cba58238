"""A program as a table of steps that the kernels work through.

Nothing is fused into matrices on two wires. What happens on one wire, up to the next operation that
joins it to another, is a *run*: one 4x4 matrix, the product of Pauli rotations and of other maps.
Rotations about words on several wires mix pairs of words, Clifford gates permute them, Pauli
channels scale them, and any other map is applied by its matrix. The state has all four Paulis of
every wire that the measured wires' causal cone touches.

A table depends on the program only. Its numbers come in three vectors, which `numbers` makes:
those that all elements of a batch share, those that each has of its own, and constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
import torch

from ..assembly.parts import MatrixBatch
from ..caching import cached
from ..maps.transfer import ClosedForm
from ..program.fusion import live_operations
from ..program.program import Operand, Operation, Program, argument_positions
from ..program.swaps import without_swaps
from .patterns import (
    ROTATION_PATTERNS,
    is_diagonal,
    pattern_of,
    product_pattern,
    shape_of,
    signed_permutation,
)
from .rotations import PauliRotation, pauli_rotations, rotated_pairs

KIND, BASES, NUM_BASES, OFFSETS, SIZE, INNER = range(6)
ITEMS, NUM_ITEMS, SOURCE, NUMBER, VARIES = range(6, 11)
"""The columns of a step: its kind; where its bases start, and how many there are; where its offsets
start, and how many; the number of words on the wires behind its last one; where its items (of a
run) or pairs start, and how many; the source of its numbers; the place of its matrix, the number of
its rotation or the shape of a run; whether it has a parameter, so that the state before is saved.
"""

RUN, ROTATE, PERMUTE, APPLY, SCALE, PREPARE = range(6)
"""Kinds of steps: a run on one wire; a rotation about a word; a signed permutation of words; any
matrix; one of which the diagonal only is not zero; a new state of some wires."""

PLAIN, BATCHED, CONSTANT = range(3)
"""Sources of numbers: shared by all elements of a batch, of each element, never differentiated."""


@dataclass(frozen=True, eq=False)
class ConstantProduct:
    """A product of maps on the same wires without trained parameters.

    Args:
        members: the forms, the first one first, each with the places of its parameters among the
            program's constants.
    """

    members: tuple[tuple[ClosedForm, tuple[int, ...]], ...]


@dataclass(frozen=True, eq=False)
class KernelTable:
    """A program as the kernels read it.

    Args:
        wires: the wires of the program with an axis, the most significant one first.
        steps: a row for each step, see `KIND`.
        bases: where the words with I on a step's wires stand, those behind them left out.
        offsets: what each word on a step's wires adds.
        items: the operations of runs: an axis and a number of a rotation, or a source and a place.
        pairs: pairs of words on a step's wires that rotations mix or permutations exchange.
        signs: of these.
        rotations: the source and the place of the parameter of each rotation.
        scales: the angles in these parameters.
        plain: what stands in the vector of shared numbers behind the scalars.
        batched: what stands in that of numbers of each element behind the batched scalars.
        products: what stands in that of constants behind the program's.
        longest_run: how many operations the longest run has.
    """

    wires: tuple[int, ...]
    steps: np.ndarray
    bases: np.ndarray
    offsets: np.ndarray
    items: np.ndarray
    pairs: np.ndarray
    signs: np.ndarray
    rotations: np.ndarray
    scales: np.ndarray
    plain: tuple[MatrixBatch, ...]
    batched: tuple[MatrixBatch, ...]
    products: tuple[ConstantProduct, ...]
    longest_run: int

    @cached_property
    def words(self) -> int:
        """The number of words of the state."""
        return 4 ** len(self.wires)

    @cached_property
    def largest_matrix(self) -> int:
        """How many words the largest matrix mixes that is applied as such; 1 if there is none."""
        return max(self.steps[self.steps[:, KIND] == APPLY, SIZE].tolist(), default=1)

    @cached_property
    def saved_states(self) -> int:
        """How many states a reverse pass needs besides the final one."""
        return int(self.steps[:, VARIES].sum())


@cached(maxsize=512)
def is_supported(program: Program) -> bool:
    """Whether a program has no Kraus operators that are too wide for a transfer matrix."""
    return all(operation.form is not Operand.KRAUS for operation in program.operations)


@cached(maxsize=512)
def num_words(program: Program) -> int:
    """The size of the state that the table of a program has."""
    relabelled, _ = without_swaps(program)
    return 4 ** len(_touched(relabelled, live_operations(relabelled)))


def _touched(program: Program, live: Sequence[int]) -> list[int]:
    """The wires that an operation acts on which matters."""
    return sorted({wire for index in live for wire in program.operations[index].wires})


@cached(maxsize=512)
def kernel_table(program: Program) -> KernelTable:
    """The table of a program that is supported."""
    relabelled, labels = without_swaps(program)
    live = live_operations(relabelled)
    touched = _touched(relabelled, live)
    builder = _Builder(relabelled, touched)
    for index in live:
        builder.add(index)
    return builder.finish(tuple(labels[wire] for wire in touched))


@dataclass(frozen=True)
class _Factor:
    """An operation of a run: a rotation about a Pauli, or a matrix (axis 0)."""

    axis: int
    source: int
    index: int
    pattern: np.ndarray


class _Builder:
    """Collects the rows of a table."""

    def __init__(self, program: Program, touched: Sequence[int]) -> None:
        self.program = program
        self.positions = argument_positions(program)
        self.axes = {wire: axis for axis, wire in enumerate(touched)}
        self.rows = _Rows(len(touched))
        self.matrices = _Matrices(program)
        self.pending: dict[int, list[_Factor]] = {}
        self.constants: dict[int, list[tuple[ClosedForm, tuple[int, ...]]]] = {}

    def add(self, index: int) -> None:
        """Add an operation of the program."""
        operation, slots = self.program.operations[index], self.positions[index]
        form, axes = operation.form, tuple(self.axes[wire] for wire in operation.wires)
        if form is Operand.STATE:
            self._add_matrix(PREPARE, operation, slots, axes)
        elif isinstance(form, Operand):
            self._add_matrix(APPLY, operation, slots, axes)
        elif operation.constant and len(axes) == 1:
            self.constants.setdefault(axes[0], []).append((form, slots))
        else:
            factors = pauli_rotations(form)
            if factors is None:
                self._add_matrix(_applied(form), operation, slots, axes)
            for factor in factors or ():
                self._add_factor(factor, operation, slots, axes)

    def finish(self, wires: tuple[int, ...]) -> KernelTable:
        """The table."""
        for axis in range(len(wires)):
            self._flush(axis)
        return self.rows.table(wires, self.matrices)

    def _add_factor(
        self,
        factor: PauliRotation | ClosedForm,
        operation: Operation,
        slots: tuple[int, ...],
        axes: tuple[int, ...],
    ) -> None:
        if isinstance(factor, ClosedForm):
            self._add_constant(factor, axes)
            return
        source = _source(operation)
        number = self.rows.rotation(source, slots[factor.param], factor.scale)
        axes = tuple(axis for axis, pauli in zip(axes, factor.word, strict=True) if pauli)
        word = tuple(pauli for pauli in factor.word if pauli)
        if len(word) == 1:
            self._append(axes[0], _Factor(word[0], source, number, ROTATION_PATTERNS[word[0]]))
            return
        self._flush(*axes)
        pairs = rotated_pairs(word)
        self.rows.add(
            ROTATE,
            axes,
            source,
            number,
            pairs=[(first, second) for first, second, _ in pairs],
            signs=[(float(sign), float(sign)) for *_, sign in pairs],
        )

    def _add_constant(self, form: ClosedForm, axes: tuple[int, ...]) -> None:
        if len(axes) == 1:
            self.constants.setdefault(axes[0], []).append((form, ()))
            return
        self._flush(*axes)
        matrix = form.coefficients[0].numpy()
        exchanges = signed_permutation(matrix)
        if exchanges is None:
            number = self.matrices.product([(form, ())])
            self.rows.add(_applied(form), axes, CONSTANT, number)
        else:
            pairs, signs = exchanges
            self.rows.add(PERMUTE, axes, CONSTANT, 0, pairs=pairs, signs=signs)

    def _add_matrix(
        self, kind: int, operation: Operation, slots: tuple[int, ...], axes: tuple[int, ...]
    ) -> None:
        form, source = operation.form, _source(operation)
        if source == CONSTANT and isinstance(form, ClosedForm):
            number = self.matrices.product([(form, slots)])
        else:
            number = self.matrices.place(operation, slots)
        if kind != PREPARE and len(axes) == 1:
            self._append(axes[0], _Factor(0, source, number, pattern_of(form)))
            return
        self._flush(*axes)
        self.rows.add(kind, axes, source, number)

    def _append(self, axis: int, factor: _Factor) -> None:
        self._close_constants(axis)
        self.pending.setdefault(axis, []).append(factor)

    def _close_constants(self, axis: int) -> None:
        members = self.constants.pop(axis, None)
        if members:
            number = self.matrices.product(members)
            pattern = product_pattern(pattern_of(form) for form, _ in members)
            self.pending.setdefault(axis, []).append(_Factor(0, CONSTANT, number, pattern))

    def _flush(self, *axes: int) -> None:
        """Write down the runs of some wires."""
        for axis in axes:
            self._close_constants(axis)
            factors = self.pending.pop(axis, None)
            if factors:
                self.rows.add_run(axis, factors)


class _Matrices:
    """The matrices of a table, and where they stand in the vectors of numbers."""

    def __init__(self, program: Program) -> None:
        counts = {PLAIN: 0, BATCHED: 0, CONSTANT: 0}
        for operation in program.operations:
            if isinstance(operation.form, ClosedForm):
                counts[_source(operation)] += operation.form.num_params
        self.lengths = counts
        self.batches: dict[int, list[MatrixBatch]] = {PLAIN: [], BATCHED: []}
        self.products: list[ConstantProduct] = []

    def place(self, operation: Operation, slots: tuple[int, ...]) -> int:
        """The place of a matrix or a vector that is made from the arguments."""
        source = _source(operation)
        rows = torch.tensor([slots], dtype=torch.long)
        self.batches[source].append(MatrixBatch(operation, rows))
        return self._next(source, entries_of(operation))

    def product(self, members: Sequence[tuple[ClosedForm, tuple[int, ...]]]) -> int:
        """The place of a product of constant matrices."""
        self.products.append(ConstantProduct(tuple(members)))
        return self._next(CONSTANT, members[0][0].coefficients[0].numel())

    def _next(self, source: int, size: int) -> int:
        place = self.lengths[source]
        self.lengths[source] += size
        return place


def entries_of(operation: Operation) -> int:
    """How many numbers an operation's matrix has, or its state."""
    return 4 ** (len(operation.wires) * (1 if operation.form is Operand.STATE else 2))


@dataclass
class _Rows:
    """The arrays of a table as they grow."""

    num_wires: int
    steps: list[list[int]] = field(default_factory=list)
    items: list[tuple[int, int, int]] = field(default_factory=list)
    pairs: list[tuple[int, int]] = field(default_factory=list)
    signs: list[tuple[float, float]] = field(default_factory=list)
    rotations: list[tuple[int, int]] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)
    bases: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    longest_run: int = 1
    places: dict[tuple[int, ...], tuple[int, int, int]] = field(default_factory=dict)

    def rotation(self, source: int, slot: int, scale: float) -> int:
        """The number of a new rotation."""
        self.rotations.append((source, slot))
        self.scales.append(scale)
        return len(self.scales) - 1

    def add(
        self,
        kind: int,
        axes: tuple[int, ...],
        source: int,
        number: int,
        pairs: Sequence[tuple[int, int]] = (),
        signs: Sequence[tuple[float, float]] = (),
    ) -> None:
        """Add a step on several wires, or one that prepares a state."""
        varies = source != CONSTANT
        self._step(kind, axes, len(self.pairs), len(pairs), source, number, varies)
        self.pairs += pairs
        self.signs += signs

    def add_run(self, axis: int, factors: Sequence[_Factor]) -> None:
        """Add a run."""
        shape = shape_of(product_pattern(factor.pattern for factor in factors))
        sources = [factor.source for factor in factors]
        source = BATCHED if BATCHED in sources else PLAIN
        varies = set(sources) != {CONSTANT}
        self._step(RUN, (axis,), len(self.items), len(factors), source, shape, varies)
        self.items += [(factor.axis, factor.source, factor.index) for factor in factors]
        self.longest_run = max(self.longest_run, len(factors))

    def table(self, wires: tuple[int, ...], matrices: _Matrices) -> KernelTable:
        """The finished table."""
        return KernelTable(
            wires,
            _integers(self.steps, 11),
            _integers(self.bases),
            _integers(self.offsets),
            _integers(self.items, 3),
            _integers(self.pairs, 2),
            np.array(self.signs, dtype=np.float64).reshape(-1, 2),
            _integers(self.rotations, 2),
            np.array(self.scales, dtype=np.float64),
            tuple(matrices.batches[PLAIN]),
            tuple(matrices.batches[BATCHED]),
            tuple(matrices.products),
            self.longest_run,
        )

    def _step(
        self,
        kind: int,
        axes: tuple[int, ...],
        first: int,
        count: int,
        source: int,
        number: int,
        varies: bool,
    ) -> None:
        bases, num_bases, offsets = self._places(axes)
        inner = 4 ** (self.num_wires - 1 - max(axes))
        where = [bases, num_bases, offsets, 4 ** len(axes), inner]
        self.steps.append([kind, *where, first, count, source, number, int(varies)])

    def _places(self, axes: tuple[int, ...]) -> tuple[int, int, int]:
        """Where the bases start that belong to some axes, how many, and where the offsets do."""
        if axes not in self.places:
            strides = [4 ** (self.num_wires - 1 - axis) for axis in range(max(axes) + 1)]
            others = [stride for axis, stride in enumerate(strides) if axis not in axes]
            bases, offsets = _sums(others), _sums([strides[axis] for axis in axes])
            self.places[axes] = (len(self.bases), len(bases), len(self.offsets))
            self.bases += bases
            self.offsets += offsets
        return self.places[axes]


def _applied(form: ClosedForm) -> int:
    """The kind of the step that applies a map by its matrix."""
    return SCALE if is_diagonal(form) else APPLY


def _source(operation: Operation) -> int:
    if operation.batched:
        return BATCHED
    return CONSTANT if operation.constant else PLAIN


def _sums(strides: Sequence[int]) -> list[int]:
    """All sums of 0 to 3 times each stride, the last one's fastest."""
    every = product(*([0, stride, 2 * stride, 3 * stride] for stride in strides))
    return [sum(own) for own in every]


def _integers(values: Sequence, columns: int | None = None) -> np.ndarray:
    array = np.array(values, dtype=np.int64)
    return array if columns is None else array.reshape(-1, columns)
