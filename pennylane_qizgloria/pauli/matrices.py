"""The transfer matrices of a plan's steps, made from its arguments.

Work is done for all operations of a kind at once, and for all steps that are built alike at once:
the number of torch calls depends on how many kinds there are, not on how deep the circuit is.
"""

from __future__ import annotations

from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from .kept import kept
from .plan import Cut, Group, Layer, Layers, Plan, Runs, Source
from .program import Arguments, Constants, Operand
from .transfer import ClosedForm


def fused_matrices(
    plan: Plan, arguments: Arguments
) -> tuple[Float[Tensor, "rows batch outputs inputs"], ...]:
    """The transfer matrices of the fused steps, one stack for each cut of the plan."""
    stacks = [source_matrices(source, arguments) for source in plan.sources]
    identity = _identity(1, arguments.scalars.dtype, arguments.scalars.device)
    plain = _chain_matrices(plan, stacks, identity)
    batched = _run_matrices(plan.runs, stacks, plain) if plan.runs else plain
    parts = [_layer_matrices(layers, plain, batched) for layers in plan.layers]
    whole = [_group_matrices(group, stacks, parts, identity) for group in plan.groups]
    return tuple(_cut_matrices(cut, whole[cut.group]) for cut in plan.cuts)


def source_matrices(
    source: Source, arguments: Arguments
) -> Float[Tensor, "rows batch paulis paulis"]:
    """All transfer matrices of one kind, in one call; the batch axis is 1 where there is none."""
    form, batched = source.operation.source, source.operation.batched
    if not isinstance(form, Operand) and not form.num_params:
        return form(arguments.scalars.new_empty(1, 1, 0))
    if source.operation.constant:
        assert arguments.constants is not None
        return _constant_matrices(source, arguments.constants)
    if isinstance(form, Operand):
        stack = torch.stack([arguments.operands[slot] for slot in source.slots[:, 0].tolist()])
        return stack if batched else stack[:, None]
    if arguments.batched_scalars is not None and batched:
        chosen = arguments.batched_scalars.index_select(1, source.slots.flatten())
        return form(chosen.unflatten(1, source.slots.shape).transpose(0, 1))
    return _plain_matrices(source, form, arguments.scalars)


def _plain_matrices(
    source: Source, form: ClosedForm, numbers: Float[Tensor, " numbers"]
) -> Float[Tensor, "rows 1 paulis paulis"]:
    """All transfer matrices of one kind whose parameters are the same in every batch."""
    chosen = numbers.index_select(0, source.slots.flatten())
    return form(chosen.view(len(source.slots), 1, -1))


@kept(maxsize=256)
def _constant_matrices(
    source: Source, constants: Constants
) -> Float[Tensor, "rows 1 paulis paulis"]:
    """All transfer matrices of one kind whose parameters are constants."""
    form = source.operation.source
    assert not isinstance(form, Operand)
    return _plain_matrices(source, form, constants.numbers)


@kept(maxsize=None)
def _identity(
    width: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "1 1 size size"]:
    return torch.eye(4**width, dtype=dtype, device=device)[None, None]


def _chain_matrices(
    plan: Plan, stacks: list[Tensor], identity: Float[Tensor, "1 1 4 4"]
) -> Float[Tensor, "sequences 1 4 4"]:
    """The matrices of all sequences without a batch, multiplied by halving."""
    if not plan.singles:
        return identity
    table = torch.cat([identity, *(stacks[source] for source in plan.singles)])[:, 0]
    products = []
    for chains in plan.chains:
        product = table.index_select(0, chains.rows)
        for _ in range(chains.length.bit_length() - 1):
            first, second = product.chunk(2)
            product = torch.bmm(second, first)
        products.append(product)
    return (torch.cat(products) if len(products) > 1 else products[0])[:, None]


def _run_matrices(
    runs: tuple[Runs, ...], stacks: list[Tensor], plain: Float[Tensor, "plain 1 4 4"]
) -> Float[Tensor, "sequences batch 4 4"]:
    """The matrices of all batched sequences, after the identity."""
    products = []
    for run in runs:
        matrices = [
            (plain if source is None else stacks[source]).index_select(0, rows)
            for source, rows in zip(run.sources, run.rows, strict=True)
        ]
        products.append(reduce(lambda product, matrix: matrix @ product, matrices))
    batch = max(product.shape[1] for product in products)
    return torch.cat([x.expand(-1, batch, -1, -1) for x in (plain[:1], *products)])


def _layer_matrices(
    layers: Layers, plain: Tensor, batched: Tensor
) -> tuple[Float[Tensor, "steps batch size inputs"], ...]:
    """The products of sequences on all wires of some steps, in parts for each of the groups."""
    own = [
        (batched if flag else plain).index_select(0, rows)
        for flag, rows in zip(layers.batched, layers.rows, strict=True)
    ]
    # Of |0> the words I and Z are there.
    cut = [
        matrices[..., :1] + matrices[..., 3:] if entering else matrices
        for matrices, entering in zip(own, layers.entering, strict=True)
    ]
    return reduce(_kron, cut).split(layers.sizes)


def _group_matrices(
    group: Group,
    stacks: list[Tensor],
    parts: list[tuple[Tensor, ...]],
    identity: Float[Tensor, "1 1 4 4"],
) -> Float[Tensor, "rows batch size inputs"]:
    """Multiply the factors of all steps of a group together, one factor of all steps at a time."""
    product = None if group.start is None else group.start.to(identity)[None, None]
    for factor in group.factors:
        if isinstance(factor, Layer):
            layer = parts[factor.layers][factor.part]
            product = layer if product is None else layer @ product
        else:
            matrices = stacks[factor.source].index_select(0, factor.rows)
            product = _multiply(matrices, factor.positions, product, group.width)
    if product is None:
        return _identity(group.width, identity.dtype, identity.device)
    return product


def _cut_matrices(
    cut: Cut, matrices: Float[Tensor, "rows batch size columns"]
) -> Float[Tensor, "steps batch outputs inputs"]:
    """The rows and columns of some matrices that are needed."""
    if cut.rows is not None:
        matrices = matrices.index_select(0, cut.rows)
    if cut.kept is not None:
        matrices = matrices.index_select(2, cut.kept)
    return matrices if cut.columns is None else matrices @ cut.columns.to(matrices)


def _kron(
    first: Float[Tensor, "rows #batch m n"], second: Float[Tensor, "rows #batch k l"]
) -> Float[Tensor, "rows batch size inputs"]:
    product = first[:, :, :, None, :, None] * second[:, :, None, :, None, :]
    return product.flatten(-2).flatten(2, 3)


def _multiply(
    matrices: Float[Tensor, "rows #batch paulis paulis"],
    positions: tuple[int, ...],
    product: Float[Tensor, "#rows #batch size inputs"] | None,
    width: int,
) -> Float[Tensor, "rows batch size inputs"]:
    """Apply transfer matrices to some of the wires of wider ones, or of nothing yet."""
    if len(positions) == width:
        matrices = _reordered(matrices, positions)
        return matrices if product is None else matrices @ product
    if product is None:
        product = _identity(width, matrices.dtype, matrices.device)
    inputs = product.shape[-1]
    axes = tuple(2 + position for position in positions)
    fronts = tuple(range(2, 2 + len(positions)))
    wires = product.unflatten(-2, (4,) * width).movedim(axes, fronts)
    image = matrices @ wires.flatten(2, 1 + len(positions)).flatten(3)
    return (
        image.reshape(*image.shape[:2], *(4,) * width, inputs).movedim(fronts, axes).flatten(2, -2)
    )


def _reordered(
    matrices: Float[Tensor, "rows batch size size"], positions: tuple[int, ...]
) -> Float[Tensor, "rows batch size size"]:
    """The same maps with their wires in ascending order of the positions."""
    width = len(positions)
    order = [positions.index(wire) for wire in range(width)]
    if order == list(range(width)):
        return matrices
    axes = [2 + axis for axis in order] + [2 + width + axis for axis in order]
    wires = matrices.unflatten(-1, (4,) * width).unflatten(2, (4,) * width)
    return wires.permute(0, 1, *axes).reshape(matrices.shape)
