"""Random circuits with parameters that are constant, trained, or trained and batched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
import torch
from helpers import density_matrices as dense
from helpers.operations import CHANNELS, GATES
from pennylane.operation import Operator
from pennylane.tape import QuantumScript
from torch import Tensor
from torch.autograd import forward_ad

from pennylane_qizgloria.engines.exact import ExactEngine
from pennylane_qizgloria.lowering.circuit import LoweredCircuit, lower

FIXED = {
    1: [qml.Hadamard, qml.S, qml.T, qml.SX, qml.X, qml.Y, qml.Z],
    2: [qml.CNOT, qml.CZ, qml.CY, qml.SWAP, qml.ISWAP, qml.ECR, qml.SISWAP, qml.CH],
    3: [qml.Toffoli, qml.CSWAP, qml.CCZ],
}
"""Gates without parameters, by how many wires they act on."""

TURNED = {
    width: [(kind, count) for kind, wires, count in GATES if wires == width] for width in (1, 2, 3)
}
"""Gates with angles, and how many, by how many wires they act on."""

STRENGTHS = [*CHANNELS, (qml.ThermalRelaxationError, 4)]
"""Channels on one wire, and how many numbers they take."""

KINDS = [
    *("turned", "turned", "fixed", "fixed", "channel", "channel"),
    *("word", "error", "unitary", "kraus", "state", "controlled"),
]


@dataclass(frozen=True)
class RandomCircuit:
    """A circuit, some of whose parameters are leaves of torch's graph.

    Args:
        tape: its operations and what is measured.
        wires: how many it has.
        batch: the length of the batch axis; None if there is none.
    """

    tape: QuantumScript
    wires: int
    batch: int | None

    @property
    def leaves(self) -> tuple[Tensor, ...]:
        """The parameters that are trained."""
        every = [x for op in self.tape.operations for x in op.data]
        return tuple(x for x in every if isinstance(x, Tensor) and x.requires_grad)

    def lowered(self, dtype: torch.dtype = torch.float64) -> LoweredCircuit:
        """The circuit as engines take it."""
        return lower(self.tape, dtype)

    def bound(self, leaves: Sequence[Tensor]) -> RandomCircuit:
        """The circuit with other leaves."""
        given = dict(zip(map(id, self.leaves), leaves, strict=True))
        operations = [
            qml.ops.functions.bind_new_parameters(op, [given.get(id(x), x) for x in op.data])
            for op in self.tape.operations
        ]
        return RandomCircuit(
            QuantumScript(operations, self.tape.measurements), self.wires, self.batch
        )

    def element(self, index: int) -> QuantumScript:
        """One element of the batch, with plain numbers."""

        def plain(value: Any) -> Any:
            array = np.asarray(value.detach() if isinstance(value, Tensor) else value)
            # Numbers have no axes and matrices have two, besides that of the batch.
            return array[index] if array.ndim % 2 else array

        operations = [
            qml.ops.functions.bind_new_parameters(op, list(map(plain, op.data)))
            for op in self.tape.operations
        ]
        return QuantumScript(operations, self.tape.measurements)


class _Draw:
    """Draws the operations of a circuit."""

    def __init__(self, rng: np.random.Generator, wires: int, batch: int | None) -> None:
        self.rng, self.wires, self.batch = rng, wires, batch

    def choice(self, values: Sequence):
        return values[int(self.rng.integers(len(values)))]

    def some_wires(self, widest: int = 3) -> list[int]:
        width = int(self.rng.integers(1, min(widest, self.wires) + 1))
        return self.rng.permutation(self.wires)[:width].tolist()

    def parameter(self, make: Callable[[], Any], batched: bool = True) -> Any:
        """A parameter: constant, trained, or trained with a value for each element of a batch."""
        kind = self.choice(["constant", "trained", "batched"])
        if kind == "constant":
            return make()
        if kind == "trained" or self.batch is None or not batched:
            return torch.tensor(np.asarray(make()), requires_grad=True)
        return torch.tensor(np.stack([make() for _ in range(self.batch)]), requires_grad=True)

    def number(self, batched: bool = True) -> Any:
        """An angle or a strength."""
        return self.parameter(lambda: float(self.rng.uniform(0.05, 0.3)), batched)

    def operation(self) -> Operator:
        return getattr(self, self.choice(KINDS))()

    def turned(self) -> Operator:
        wires = self.some_wires()
        kind, count = self.choice(TURNED[len(wires)])
        return kind(*(self.number() for _ in range(count)), wires=wires)

    def fixed(self) -> Operator:
        wires = self.some_wires()
        return self.choice(FIXED[len(wires)])(wires=wires)

    def channel(self) -> Operator:
        kind, count = self.choice(STRENGTHS)
        (wire,) = self.some_wires(1)
        if kind is qml.ThermalRelaxationError:
            return kind(self.number(), 1.0, 1.2, self.number(), wires=wire)
        return kind(*(self.number() for _ in range(count)), wires=wire)

    def word(self) -> Operator:
        wires = self.some_wires()
        word = "".join(self.rng.choice(list("XYZ"), len(wires)))
        return qml.PauliRot(self.number(), word, wires=wires)

    def error(self) -> Operator:
        wires = self.some_wires()
        word = "".join(self.rng.choice(list("XYZ"), len(wires)))
        return qml.PauliError(word, self.number(batched=False), wires=wires)

    def unitary(self) -> Operator:
        wires = self.some_wires()
        matrix = self.parameter(lambda: dense.random_unitary(self.rng, len(wires)))
        return qml.QubitUnitary(matrix, wires=wires)

    def kraus(self) -> Operator:
        wires = self.some_wires(2)
        return qml.QubitChannel(list(dense.random_kraus(self.rng, len(wires), 2)), wires=wires)

    def state(self) -> Operator:
        wires = self.some_wires(2)
        if len(wires) == self.wires:
            # default.mixed mistakes the wires of a density matrix on all of them.
            wires.sort()
        rho = self.parameter(lambda: dense.random_density_matrix(self.rng, len(wires)), False)
        return qml.QubitDensityMatrix(rho, wires=wires)

    def controlled(self) -> Operator:
        """A gate behind a control, and a fixed one where there is one wire only."""
        if self.wires == 1:
            return self.fixed()
        control, target = self.rng.permutation(self.wires)[:2].tolist()
        kind = self.choice([qml.Rot, qml.U3])
        return qml.ctrl(kind(self.number(), self.number(), self.number(), target), control)


def random_circuit(seed: int, batch: int | None, wires: int | None = None) -> RandomCircuit:
    """A circuit of up to 24 operations on up to four wires."""
    rng = np.random.default_rng(seed)
    wires = int(rng.integers(1, 5)) if wires is None else wires
    draw = _Draw(rng, wires, batch)
    operations = [draw.operation() for _ in range(int(rng.integers(1, 25)))]
    words = [qml.expval(qml.Z(0)), qml.expval(qml.X(wires - 1)), qml.expval(qml.Y(0))]
    measured = draw.choice([[qml.probs(wires=range(wires))], words])
    return RandomCircuit(QuantumScript(operations, measured), wires, batch)


# --- what an engine makes of them -----------------------------------------------------------------


def results(engine: ExactEngine, circuit: LoweredCircuit) -> Tensor:
    """All results, ``(batch, numbers)``."""
    (state,) = engine.run([circuit], None)
    found = circuit.measurements.exact(state)
    return torch.cat([own.flatten(1) if own.ndim > 1 else own[:, None] for own in found], 1)


def drawn_like(tensor: Tensor, seed: int) -> Tensor:
    """Normal numbers."""
    numbers = np.random.default_rng(seed).normal(size=(2, *tensor.shape))
    complex_numbers = torch.tensor(numbers[0] + 1j * numbers[1])
    return (complex_numbers if tensor.is_complex() else complex_numbers.real).to(tensor.dtype)


def gradients(
    engine: ExactEngine, circuit: RandomCircuit, dtype=torch.float64, create_graph: bool = False
) -> tuple[Tensor, ...]:
    """The products of a random cotangent with the Jacobians by each leaf."""
    found = results(engine, circuit.lowered(dtype))
    leaves = circuit.leaves
    if not (leaves and found.requires_grad):
        return tuple(map(torch.zeros_like, leaves))
    return torch.autograd.grad(
        found,
        leaves,
        drawn_like(found, 7),
        create_graph=create_graph,
        allow_unused=True,
        materialize_grads=True,
    )


def second_derivatives(engine: ExactEngine, circuit: RandomCircuit) -> tuple[Tensor, ...]:
    """The derivatives of a random combination of first derivatives."""
    first = gradients(engine, circuit, create_graph=True)
    pairs = [(own, drawn_like(own, 8)) for own in first if own.requires_grad]
    leaves = circuit.leaves
    if not pairs:
        return tuple(map(torch.zeros_like, leaves))
    ends, weights = zip(*pairs, strict=True)
    return torch.autograd.grad(ends, leaves, weights, allow_unused=True, materialize_grads=True)


def tangent(engine: ExactEngine, circuit: RandomCircuit, dtype=torch.float64) -> Tensor:
    """The products of the Jacobians with random tangents of all leaves, summed."""
    leaves = circuit.leaves
    with torch.no_grad(), forward_ad.dual_level():
        duals = [
            forward_ad.make_dual(leaf.detach(), drawn_like(leaf, 9 + number))
            for number, leaf in enumerate(leaves)
        ]
        dual = forward_ad.unpack_dual(results(engine, circuit.bound(duals).lowered(dtype)))
        return torch.zeros_like(dual.primal) if dual.tangent is None else dual.tangent
