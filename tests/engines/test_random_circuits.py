"""Random circuits by kernels and by plans, which share nothing but the lowered circuit."""

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.execution import execute
from helpers.kernels import TILES, use_tiles
from helpers.random_circuits import (
    gradients,
    random_circuit,
    results,
    second_derivatives,
    tangent,
)

from pennylane_qizgloria.engines.exact import KernelEngine, PlannedEngine

KERNELS, PLANNED = KernelEngine(), PlannedEngine()

ROUNDING = {torch.float64: 1e-12, torch.float32: 1e-5}
"""What two ways to compute a number may differ by, as a share of the largest number."""

CASES = [
    (seed, batch, tile)
    for batch in (None, 1, 3, 9)
    for tile in TILES
    for seed in range(5)
    if tile == "one tile" or (batch or 1) > TILES[tile]
]


def assert_same(found, expected, dtype=torch.float64):
    for own, other in zip(found, expected, strict=True):
        scale = max(1.0, other.detach().abs().max().item()) if other.numel() else 1.0
        torch.testing.assert_close(own, other, rtol=0, atol=ROUNDING[dtype] * scale)


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)))
def circuit(request, monkeypatch):
    """A circuit that kernels run in tiles; batches of 9 have a last tile of one element."""
    seed, batch, tile = request.param
    use_tiles(monkeypatch, TILES[tile])
    circuit = random_circuit(1000 * (batch or 0) + 10 * len(tile) + seed, batch)
    assert KERNELS.why_not(circuit.lowered()) is None
    return circuit


def test_values_and_derivatives(circuit):
    """Values, gradients, tangents and second derivatives are the same by kernels and by plans."""
    found, expected = (results(engine, circuit.lowered()) for engine in (KERNELS, PLANNED))
    assert_same([found], [expected])
    for derivatives in (gradients, second_derivatives):
        assert_same(derivatives(KERNELS, circuit), derivatives(PLANNED, circuit))
    assert_same([tangent(KERNELS, circuit)], [tangent(PLANNED, circuit)])


def test_single_precision(circuit):
    """In single precision kernels agree with plans in double precision to five digits."""
    single = torch.float32
    found = results(KERNELS, circuit.lowered(single))
    assert found.dtype == single
    assert_same([found.double()], [results(PLANNED, circuit.lowered())], single)
    assert_same(gradients(KERNELS, circuit, single), gradients(PLANNED, circuit), single)
    image = tangent(KERNELS, circuit, single)
    assert image.dtype == single
    assert_same([image.double()], [tangent(PLANNED, circuit)], single)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("batch", [None, 3])
def test_values_are_those_of_default_mixed(seed, batch):
    """Kernels agree with default.mixed, for each element of a batch."""
    circuit = random_circuit(500 + seed, batch)
    found = results(KERNELS, circuit.lowered()).detach().numpy()
    device = qml.device("default.mixed", wires=circuit.wires)
    for index, own in enumerate(found):
        tape = circuit.element(index)
        # default.mixed mistakes the wires of a density matrix that is its whole circuit's start.
        start = [qml.Identity(wire) for wire in range(circuit.wires)]
        expected = execute(device, start + tape.operations, tape.measurements)
        np.testing.assert_allclose(own, np.array(expected).flatten(), rtol=0, atol=1e-10)
