"""Sequences of single-wire operations against products taken one by one."""

from functools import reduce

import pytest
import torch
from helpers.comparison import assert_close

from pennylane_qizgloria.pauli.assembly.sequences import Sequences

CPU = torch.device("cpu")
SIZES = [5, 7]
"""How many matrices there are of each of two sources."""


@pytest.fixture
def stacks():
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(n, 4, 4, generator=generator, dtype=torch.float64) for n in SIZES]


def products(collected, stacks):
    """The products of all sequences without a batch, as a plan's padded products say."""
    table = torch.cat([torch.eye(4).double()[None], *(stacks[s] for s in collected.singles)])
    found = []
    for own in collected.padded_products(SIZES):
        matrices = table[own.rows]
        while len(matrices) > len(own.rows) // own.length:
            first, second = matrices.chunk(2)
            matrices = second @ first
        found.append(matrices)
    return torch.cat(found)


@pytest.mark.parametrize("lengths", [[1], [2, 1], [3, 4, 1], [5, 1, 2], [8, 3], [9, 17, 4, 1]])
def test_products_are_in_order(stacks, lengths):
    """A sequence of operations is the product of their matrices, in order."""
    collected = Sequences(CPU)
    generator = torch.Generator().manual_seed(len(lengths))
    expected = {0: torch.eye(4).double()}
    for length in lengths:
        sources = torch.randint(2, (length,), generator=generator).tolist()
        uses = [(s, int(torch.randint(SIZES[s], (), generator=generator))) for s in sources]
        batched, number = collected.add([(use, False) for use in uses])
        assert not batched
        matrices = [stacks[source][row] for source, row in uses]
        expected[number] = reduce(lambda product, matrix: matrix @ product, matrices)
    found, places = products(collected, stacks), collected.places()
    for number, product in expected.items():
        assert_close(found[places[number]], product, 1e-13 * product.abs().max().item())


def test_the_identity_comes_first():
    """Wires without operations in a step get the identity."""
    collected = Sequences(CPU)
    collected.add([((0, row), False) for row in range(5)])
    assert collected.add([]) == (False, 0)
    assert collected.places()[0] == 0


def test_short_sequences_are_multiplied_together():
    """Short sequences are padded to one length and multiplied in one call."""
    collected = Sequences(CPU)
    for length in (1, 2, 3, 4):
        collected.add([((0, 0), False)] * length)
    assert [own.length for own in collected.padded_products(SIZES)] == [4]


def test_single_operations_are_not_filled_up():
    """Single operations are not padded with identities."""
    collected = Sequences(CPU)
    collected.add([((0, 1), False)])
    (own,) = collected.padded_products(SIZES)
    assert (own.length, len(own.rows)) == (1, 2)


def test_what_is_between_batched_operations_is_one_factor():
    """What lies between batched operations is multiplied once for the whole batch."""
    collected = Sequences(CPU)
    plain, batched = ((0, 1), False), ((1, 2), True)
    first = collected.add([plain, plain, batched, plain])
    second = collected.add([plain, batched, plain, plain])
    assert first == (True, (0, 0))
    assert second == (True, (0, 1))
    (own,) = collected.batched_products()
    assert own.matrix_batches == (None, 1, None)
    assert own.rows[1].tolist() == [2, 2]
    assert collected.batched_places() == {(0, 0): 1, (0, 1): 2}
