"""Programs for the package, and the same circuits for the reference simulator."""

import numpy as np
import torch
from helpers import density_matrices as dense
from helpers.closed_forms import FORMS
from helpers.comparison import assert_close
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.plan.planner import plan
from pennylane_qizgloria.pauli.program.program import Arguments, Operand, Operation, Program
from pennylane_qizgloria.pauli.run.evolve import evolve


class Case:
    """A circuit as a program for the package, and as Kraus operators for the reference.

    Every method that adds an operation takes its wires and the number of elements of its batch
    (None for no batch axis).
    """

    def __init__(self, num_wires, rng=None):
        self.num_wires = num_wires
        self.rng = np.random.default_rng(0) if rng is None else rng
        self.operations = []
        self.scalars, self.columns, self.operands = [], [], []
        self.given = []  # for the reference: Kraus operators, or the state that is prepared

    def _add(self, source, wires, batch, given):
        operation = Operation(source, tuple(wires), batch is not None)
        self.operations.append(operation)
        self.given.append(given)
        return self

    def form(self, name, wires, batch=None, params=None):
        source, kraus, ranges = FORMS[name]
        if params is None:
            size = () if batch is None else (batch,)
            params = [self.rng.uniform(*limits, size) for limits in ranges]
        if batch is None:
            self.scalars.extend(params)
            found = kraus(*params)
        else:
            self.columns.extend(params)
            found = [kraus(*(column[b] for column in params)) for b in range(batch)]
        return self._add(source, wires, batch, found)

    def _operand(self, kind, wires, batch, make, tensor_of):
        found = make() if batch is None else np.array([make() for _ in range(batch)])
        tensor = tensor_of(found) if batch is None else np.array([tensor_of(x) for x in found])
        self.operands.append(tensor)
        return self._add(kind, wires, batch, found)

    def transfer(self, wires, batch=None, count=2):
        def make():
            return dense.random_kraus(self.rng, len(wires), count)

        return self._operand(Operand.TRANSFER, wires, batch, make, dense.transfer)

    def kraus(self, wires, batch=None, count=2):
        def make():
            return dense.random_kraus(self.rng, len(wires), count)

        return self._operand(Operand.KRAUS, wires, batch, make, lambda kraus: kraus)

    def state(self, wires, batch=None):
        def make():
            return dense.random_density_matrix(self.rng, len(wires))

        return self._operand(Operand.STATE, wires, batch, make, dense.vector)

    def program(self, observed=None):
        """Observing all wires, or those given: all letters of a wire, one of a pair."""
        observed = range(self.num_wires) if observed is None else observed
        pairs = [
            pair
            for item in observed
            for pair in ([item] if isinstance(item, tuple) else [(item, x) for x in (1, 2, 3)])
        ]
        return Program(self.num_wires, tuple(self.operations), frozenset(pairs))

    def arguments(self, dtype=torch.float64):
        real = {torch.float64: torch.complex128, torch.float32: torch.complex64}
        operands = tuple(
            torch.as_tensor(x).to(real[dtype] if np.iscomplexobj(x) else dtype)
            for x in self.operands
        )
        columns = torch.as_tensor(np.array(self.columns).T).to(dtype) if self.columns else None
        scalars = torch.as_tensor(np.array(self.scalars, float)).to(dtype)
        return Arguments(scalars, columns, operands)

    def density(self, element=0):
        """The reference: the final density matrix of one element of the batch."""
        rho = dense.zero(self.num_wires)
        for operation, given in zip(self.operations, self.given, strict=True):
            matrices = given[element] if operation.batched else given
            act = dense.replace if operation.form is Operand.STATE else dense.apply
            rho = act(rho, matrices, operation.wires)
        return rho

    def check(self, observed=None, batch=None, atol=1e-12, dtype=torch.float64):
        """Compare a plan's state with the reference; return the plan."""
        ready = plan(self.program(observed))
        found = evolve(ready, self.arguments(dtype)).numpy()
        self.compare(found, ready.order, ready.paulis, observed, batch, atol)
        return ready

    def compare(self, found, order, paulis, observed=None, batch=None, atol=1e-12):
        """Compare every entry that is observed, for every element of the batch."""
        assert len(found) in (1, batch or 1)
        visible = {w: [0] for w in range(self.num_wires)}
        for wire, letter in sorted(self.program(observed).observed):
            visible[wire].append(letter)
        letters = visible | dict(zip(order, paulis, strict=True))
        positions = [[letters[w].index(x) for x in own] for w, own in visible.items()]
        for b in range(batch or 1):
            mine = dense.completed(found[min(b, len(found) - 1)], order, letters)
            theirs = dense.letters_of(self.density(b))[np.ix_(*visible.values())]
            assert_close(mine[np.ix_(*positions)], theirs, atol)


WIDTHS = {"RX": 1, "Rot": 1, "H": 1, "damping": 1, "depolarizing": 1} | {
    "CNOT": 2,
    "SWAP": 2,
    "Clifford": 2,
    "CRX": 2,
    "XY": 2,
    "error": 2,
    "Toffoli": 3,
    "CYZ": 3,
    "error3": 3,
}
OPERANDS = ["transfer", "kraus", "state"]


def pairs_of(num_wires):
    """Some pairs of a wire and a letter."""
    pairs = [(wire, letter) for wire in range(num_wires) for letter in (1, 2, 3)]
    return st.sets(st.sampled_from(pairs))


@st.composite
def recipes(draw, max_wires=6, max_length=10, batch=3, names=None):
    """What `Case` is to be built from: the number of wires, the operations, and a seed."""
    num_wires = draw(st.integers(1, max_wires))
    names = names or [*FORMS, *OPERANDS * 2]
    fitting = [name for name in names if WIDTHS.get(name, 1) <= num_wires]
    operations = []
    for name in draw(st.lists(st.sampled_from(fitting), max_size=max_length)):
        widest = 4 if name == "kraus" else 3
        width = WIDTHS.get(name) or draw(st.integers(1, min(widest, num_wires)))
        wires = draw(st.permutations(range(num_wires)))[:width]
        operations.append((name, wires, batch if batch and draw(st.booleans()) else None))
    return num_wires, operations, draw(st.integers(0, 2**16))


def random_case(data, **limits):
    """A random circuit: any kinds of operation, on any wires, some of them batched."""
    num_wires, operations, seed = data.draw(recipes(**limits))
    case = Case(num_wires, np.random.default_rng(seed))
    for name, wires, size in operations:
        if name in FORMS:
            case.form(name, wires, size)
        else:
            getattr(case, name)(wires, size)
    return case


def layered_ring(num_wires, layers, rng):
    """The circuit that the planner is made for: noisy rotations, and noisy CNOTs in a ring."""
    case = Case(num_wires, rng)
    for _ in range(layers):
        for wire in range(num_wires):
            case.form("Rot", [wire]).form("depolarizing", [wire])
        for wire in range(num_wires):
            pair = [wire, (wire + 1) % num_wires]
            case.form("CNOT", pair)
            for end in pair:
                case.form("depolarizing", [end])
        for wire in range(num_wires):
            case.form("damping", [wire])
    return case
