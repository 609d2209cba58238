"""What could have been done instead: other kinds of steps, blocks of a state, one register."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from unittest.mock import patch

import pennylane as qml
import torch
from circuits import layered
from timing import measure
from torch import Tensor
from workloads import Row

from pennylane_qizgloria.lowering.circuit import lower
from pennylane_qizgloria.pauli.plan.planner import plan
from pennylane_qizgloria.pauli.program import components as components
from pennylane_qizgloria.pauli.run.evolve import evolve

BEFORE = 16
"""The number of words before the wires of a step."""

BLOCK = 2**18
"""Numbers in a block of a state, 2 MB: what two cores have in their own caches."""


def alternatives(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """Other kinds of steps against a copy of the state; and registers against one state."""
    for n in wires or (8, 10, 12):
        calls = _steps(n)
        references = dict.fromkeys((name for name in calls if name != "copy"), "copy")
        yield Row("Kinds of steps", {"wires": n}, measure(calls, budget, most=100), references)
    for n in (4, 5, 6):
        apart, together = _rings(n, components.LEAST_WIRES), _rings(n, 2 * n + 1)
        times = measure({"apart": apart, "together": together}, budget, most=100)
        yield Row(
            "Two rings of wires, joined at the end", {"wires": n}, times, {"apart": "together"}
        )


def _steps(num_wires: int) -> dict[str, Callable[[], object]]:
    size = 4**num_wires
    state, out = torch.randn(size, dtype=torch.float64), torch.empty(size, dtype=torch.float64)
    two, three = (_wires(state, k) for k in (2, 3))
    signs = torch.randn(16, 1, dtype=torch.float64).sign()
    order = torch.randperm(16)
    matrices = {k: torch.randn(4**k, 4**k, dtype=torch.float64) / 4**k for k in (2, 3)}

    def permuted() -> Tensor:
        torch.index_select(two, 1, order, out=_wires(out, 2))
        return _wires(out, 2).mul_(signs)

    return {
        "copy": lambda: out.copy_(state),
        "two wires": lambda: _product(matrices[2], two, _wires(out, 2)),
        "three wires": lambda: _product(matrices[3], three, _wires(out, 3)),
        "signed permutation": permuted,
        "diagonal": lambda: torch.mul(two, signs, out=_wires(out, 2)),
        "four steps": lambda: _four(matrices[2], state, out),
        "four steps, block by block": lambda: _four_in_blocks(matrices[2], state, out),
    }


def _wires(state: Tensor, width: int, before: int = BEFORE) -> Tensor:
    return state.view(before, 4**width, -1)


def _product(matrix: Tensor, state: Tensor, out: Tensor) -> Tensor:
    return torch.bmm(matrix.expand(len(state), -1, -1), state, out=out)


def _four(matrix: Tensor, state: Tensor, out: Tensor) -> None:
    """Steps on four pairs of neighbours, in a state whose first wires none of them touches."""
    first = _first_wire(state)
    source, target = state, out
    for wire in range(first, first + 4):
        _product(matrix, _wires(source, 2, 4**wire), _wires(target, 2, 4**wire))
        source, target = target, source


def _four_in_blocks(matrix: Tensor, state: Tensor, out: Tensor) -> None:
    blocks = 4 ** _first_wire(state)
    near, far = (torch.empty(state.numel() // blocks, dtype=state.dtype) for _ in range(2))
    for source, target in zip(state.view(blocks, -1), out.view(blocks, -1), strict=True):
        for wire, (x, y) in enumerate([(source, near), (near, far), (far, near), (near, target)]):
            _product(matrix, _wires(x, 2, 4**wire), _wires(y, 2, 4**wire))


def _first_wire(state: Tensor) -> int:
    """How many wires must be in front for a block to be no larger than `BLOCK`."""
    wires = 0
    while state.numel() > BLOCK * 4**wires:
        wires += 1
    return wires


def _rings(num_wires: int, least: int) -> Callable[[], object]:
    """Two layered rings of wires, joined by their last gate, lowered and planned beforehand."""
    weights = torch.rand(2, num_wires, 3, dtype=torch.float64)
    ring = qml.tape.make_qscript(layered)(weights, num_wires).operations
    other = {wire: wire + num_wires for wire in range(num_wires)}
    operations = [*ring, *(qml.map_wires(op, other) for op in ring)]
    operations.append(qml.CNOT([num_wires - 1, num_wires]))
    measured = [qml.expval(qml.Z(wire)) for wire in range(2 * num_wires)]
    tape = qml.tape.QuantumScript(operations, measured)
    own = lower(tape, torch.float64).program
    with patch.object(components, "LEAST_WIRES", least):
        plan.cache_clear()
        ready = plan(own.program)
        plan.cache_clear()
    return lambda: evolve(ready, own.arguments)
