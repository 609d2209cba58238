r"""Circuits as functions of tensors, and their derivatives as such functions again.

JAX and autograd cannot look into torch, but each can be taught a function whose derivative it
knows. Here the derivative of a function is another one of the same kind, so that theirs have it
to any order. With results y, parameters x and the Jacobian J these are the images
:math:`\sum_j J_{ij} \mathrm{d}x_j` of tangents and :math:`\sum_i \mathrm{d}y_i J_{ij}` of
cotangents, without a conjugation, as PennyLane, JAX and autograd have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Protocol, runtime_checkable

import pennylane as qml
import torch
from pennylane.measurements import MeasurementProcess, StateMP
from pennylane.tape import QuantumScript
from torch import Tensor
from torch.autograd import forward_ad

from ..lowering.operations.closed_forms import family_of_kind
from ..lowering.wires import wire_map
from ..pauli.state.basis import complex_dtype
from .config import SimulationConfig
from .simulation import simulate_all

Tensors = tuple[Tensor, ...]

Spec = tuple[tuple[int, ...], torch.dtype]
"""The shape and the dtype of a tensor."""


@runtime_checkable
class TensorFunction(Protocol):
    """What takes tensors to tensors, and torch can differentiate in reverse to any order."""

    def __call__(self, *arguments: Tensor) -> Tensors:
        """The results."""

    def specs(self, arguments: Sequence[Spec]) -> tuple[Spec, ...]:
        """What results are like, from what arguments are."""

    def mapped(self, size: int) -> TensorFunction:
        """The same of many sets of arguments: all arguments and results get one more axis."""


@dataclass(frozen=True, eq=False)
class Circuits:
    """The exact results of tapes, all measurements of the first one first.

    Args:
        tapes: the tapes, whose other parameters are plain numbers.
        positions: for each tape which of its parameters are arguments, in this order.
        config: under which they run.
        rows: axes in front of every argument and every result, for as many sets of arguments.
    """

    tapes: tuple[QuantumScript, ...]
    positions: tuple[tuple[int, ...], ...]
    config: SimulationConfig
    rows: tuple[int, ...] = ()

    def __call__(self, *arguments: Tensor) -> Tensors:
        """The results; tapes of one structure run together."""
        count = prod(self.rows)
        flat = [x.reshape((count, *x.shape[len(self.rows) :])).unbind() for x in arguments]
        bound = [tape for row in range(count) for tape in self._bound([x[row] for x in flat])]
        results = simulate_all(bound, replace(self.config, as_torch=True))
        single = [len(tape.measurements) == 1 for tape in bound]
        parts = [(own,) if one else own for own, one in zip(results, single, strict=True)]
        each = len(self.tapes)
        rows = [sum(parts[each * row : each * (row + 1)], ()) for row in range(count)]
        return tuple(
            torch.stack(column).reshape((*self.rows, *column[0].shape))
            for column in zip(*rows, strict=True)
        )

    def specs(self, arguments: Sequence[Spec]) -> tuple[Spec, ...]:
        """Results have the axes of a batch and those of their measurement."""
        return tuple(
            (self.rows + shape, dtype)
            for tape in self.tapes
            for shape, dtype in result_specs(tape, self.config.dtype)
        )

    def mapped(self, size: int) -> Circuits:
        """More rows."""
        return replace(self, rows=(size, *self.rows))

    @property
    def is_real_number(self) -> bool:
        """Whether each row has a real number as its only result."""
        specs = self.specs(())
        return len(specs) == 1 and specs[0][0] == self.rows and not specs[0][1].is_complex

    def _bound(self, arguments: Sequence[Tensor]) -> list[QuantumScript]:
        remaining = iter(arguments)
        return [
            tape.bind_new_parameters([_parameter(next(remaining)) for _ in positions], positions)
            for tape, positions in zip(self.tapes, self.positions, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Tangents:
    """The image of tangents: takes arguments and then tangents of some of them.

    Args:
        function: what is differentiated.
        positions: the arguments that the tangents belong to.
    """

    function: TensorFunction
    positions: tuple[int, ...]

    def __call__(self, *arguments: Tensor) -> Tensors:
        """One tangent for each result, forwards on dual numbers where that is possible."""
        primals, directions = _split(arguments, len(self.positions))
        if isinstance(self.function, Circuits) and not _is_recorded(arguments):
            return self._forwards(primals, directions)
        # The image of cotangents is linear in them, and its own derivative is that of tangents.
        with torch.enable_grad():
            zeros = [torch.zeros_like(y).requires_grad_() for y in self.function(*primals)]
            transposed = Cotangents(self.function, self.positions)(*primals, *zeros)
        again = _is_recorded(arguments)
        images = _gradients(transposed, zeros, [x.conj() for x in directions], again)
        return tuple(dy.conj() for dy in images)

    def _forwards(self, primals: Sequence[Tensor], directions: Sequence[Tensor]) -> Tensors:
        duals = list(primals)
        with torch.no_grad(), forward_ad.dual_level():
            for position, direction in zip(self.positions, directions, strict=True):
                # A direction of zeros need not be followed.
                if bool((direction != 0).any()):
                    duals[position] = forward_ad.make_dual(primals[position], direction)
            unpacked = [forward_ad.unpack_dual(y) for y in self.function(*duals)]
            return tuple(torch.zeros_like(y) if dy is None else dy for y, dy in unpacked)

    def specs(self, arguments: Sequence[Spec]) -> tuple[Spec, ...]:
        """Those of the results."""
        return self.function.specs(arguments[: len(arguments) - len(self.positions)])

    def mapped(self, size: int) -> Tangents:
        """Rows have nothing to do with each other."""
        return replace(self, function=self.function.mapped(size))

    @property
    def transposed(self) -> Cotangents:
        """The transpose of this function, which is linear in the tangents."""
        return Cotangents(self.function, self.positions)


@dataclass(frozen=True, eq=False)
class Cotangents:
    """The image of cotangents: takes arguments and then a cotangent for each result.

    Args:
        function: what is differentiated.
        positions: the arguments with respect to which.
    """

    function: TensorFunction
    positions: tuple[int, ...]

    def __call__(self, *arguments: Tensor) -> Tensors:
        """One cotangent for each of these arguments, by one reverse pass."""
        again = _is_recorded(arguments)
        leaves, others = [], list(arguments)
        for position in self.positions:
            x = arguments[position]
            others[position] = x if x.requires_grad else x.detach().requires_grad_()
            leaves.append(others[position])
        with torch.enable_grad():
            count = len(arguments) - self._num_results(arguments)
            results = self.function(*others[:count])
        cotangents = [dy.conj() for dy in arguments[count:]]
        return tuple(x.conj() for x in _gradients(results, leaves, cotangents, again))

    def _num_results(self, arguments: Sequence[Tensor]) -> int:
        return len(self.function.specs([(tuple(x.shape), x.dtype) for x in arguments]))

    def specs(self, arguments: Sequence[Spec]) -> tuple[Spec, ...]:
        """Those of the arguments."""
        return tuple(arguments[position] for position in self.positions)

    def mapped(self, size: int) -> Cotangents:
        """Rows have nothing to do with each other."""
        return replace(self, function=self.function.mapped(size))

    @property
    def transposed(self) -> Tangents:
        """The transpose of this function, which is linear in the cotangents."""
        return Tangents(self.function, self.positions)


@dataclass(frozen=True, eq=False)
class WithGradient:
    """A real number and its gradient, by one run and one reverse pass.

    Args:
        function: what is differentiated; each of its rows has one real number.
        positions: the arguments with respect to which.
    """

    function: Circuits
    positions: tuple[int, ...]

    def __call__(self, *arguments: Tensor) -> Tensors:
        """The number, and then the gradients."""
        again = _is_recorded(arguments)
        others = list(arguments)
        for position in self.positions:
            if not others[position].requires_grad:
                others[position] = others[position].detach().requires_grad_()
        with torch.enable_grad():
            (value,) = self.function(*others)
        leaves = [others[position] for position in self.positions]
        found = _gradients((value,), leaves, [torch.ones_like(value)], again)
        return (value, *(x.conj() for x in found))

    def specs(self, arguments: Sequence[Spec]) -> tuple[Spec, ...]:
        """Those of the number and of the arguments."""
        own = (arguments[position] for position in self.positions)
        return (*self.function.specs(arguments), *own)

    def mapped(self, size: int) -> WithGradient:
        """Rows have nothing to do with each other."""
        return replace(self, function=self.function.mapped(size))


# --- shapes ---------------------------------------------------------------------------------------


def result_specs(tape: QuantumScript, dtype: torch.dtype) -> list[Spec]:
    """The shape and dtype of each exact result of a tape, without running it.

    Args:
        tape: the tape, with parameters of any interface, traced ones included.
        dtype: the real dtype of the simulation.
    """
    batch = _batch_axes(tape)
    dtypes = {float: dtype, complex: complex_dtype(dtype), int: torch.int64}
    return [
        (batch + _shape(process, tape), dtypes[process.numeric_type])
        for process in tape.measurements
    ]


def _shape(process: MeasurementProcess, tape: QuantumScript) -> tuple[int, ...]:
    num_wires = len(wire_map(tape))
    if type(process) is StateMP:
        # PennyLane takes the result to be a vector.
        dim = 2 ** (len(process.wires) or num_wires)
        return (dim, dim)
    return tuple(process.shape(shots=None, num_device_wires=num_wires))


def _batch_axes(tape: QuantumScript) -> tuple[int, ...]:
    if tape.batch_size is not None:
        return (tape.batch_size,)
    # PennyLane gives channels no batch size although their strengths can be broadcast.
    for op in tape.operations:
        kind: Any = type(op)
        family = family_of_kind(kind)
        for x in () if family is None else family.scalars(op):
            if qml.math.ndim(x):
                return (int(qml.math.shape(x)[0]),)
    return ()


# --- what torch needs -----------------------------------------------------------------------------


def _parameter(x: Tensor) -> Any:
    """A parameter of a tape; integers have no derivatives, and PennyLane wants them as arrays."""
    return x if x.is_floating_point() or x.is_complex() else x.numpy()


def _split(arguments: Tensors, last: int) -> tuple[Tensors, Tensors]:
    count = len(arguments) - last
    return arguments[:count], arguments[count:]


def _is_recorded(arguments: Sequence[Tensor]) -> bool:
    """Whether derivatives of derivatives are asked for."""
    return torch.is_grad_enabled() and any(x.requires_grad for x in arguments)


def _gradients(
    results: Sequence[Tensor],
    leaves: Sequence[Tensor],
    cotangents: Sequence[Tensor],
    again: bool,
) -> Tensors:
    pairs = [
        (y, dy.to(y.dtype)) for y, dy in zip(results, cotangents, strict=True) if y.requires_grad
    ]
    if not pairs:
        return tuple(map(torch.zeros_like, leaves))
    return torch.autograd.grad(
        [y for y, _ in pairs],
        leaves,
        [dy for _, dy in pairs],
        create_graph=again,
        allow_unused=True,
        materialize_grads=True,
    )
