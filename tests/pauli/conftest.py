"""A second simulator to compare with: density matrices in plain numpy, in double precision.

Its operators are given by their Kraus operators and its states by dense matrices; the first wire is
the most significant bit throughout. `Case` builds a program for the package and, beside it, the
Kraus operators of the same circuit.
"""

from __future__ import annotations

from functools import reduce
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.maps import channels
from pennylane_qizgloria.pauli.maps.transfer import constant, rotation, sequence
from pennylane_qizgloria.pauli.plan.planner import plan
from pennylane_qizgloria.pauli.program.program import Arguments, Operand, Operation, Program
from pennylane_qizgloria.pauli.run.evolve import evolve

PAULIS = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def kron(*factors):
    return reduce(np.kron, factors, np.eye(1))


def words(n):
    """All 4**n Pauli operators on n wires, the first wire's letter changing slowest."""
    return np.array([kron(*(PAULIS[i] for i in w)) for w in np.ndindex(*(4,) * n)])


def letters_of(rho):
    """Tr(P rho) for every word P, an axis for each wire."""
    n = int(np.log2(len(rho)))
    tensor = rho.reshape((2,) * (2 * n))
    for left in range(n, 0, -1):  # each turn replaces a row and a column by a letter at the end
        tensor = np.tensordot(tensor, PAULIS, ((0, left), (2, 1)))
    return tensor.real


def vector(rho):
    """Tr(P rho) for every word P."""
    return letters_of(rho).flatten()


def transfer(kraus):
    """T[i, j] = Tr(P_i E(P_j)) / 2**k, entry by entry."""
    paulis = words(int(np.log2(kraus.shape[-1])))
    images = [sum(k @ p @ k.conj().T for k in kraus) for p in paulis]
    table = [[np.trace(p @ image) for image in images] for p in paulis]
    return np.real(table) / kraus.shape[-1]


def zero(n):
    rho = np.zeros((2**n, 2**n), complex)
    rho[0, 0] = 1
    return rho


def embed(matrix, wires, n):
    """A matrix on some wires as one on all n of them: a Kronecker product and a permutation."""
    rest = [w for w in range(n) if w not in wires]
    full = np.kron(matrix, np.eye(2 ** len(rest))).reshape((2,) * (2 * n))
    back = np.argsort([*wires, *rest])
    return full.transpose(*back, *(n + back)).reshape(2**n, 2**n)


def apply(rho, kraus, wires):
    """sum_m K_m rho K_m^dagger on some wires."""
    n = int(np.log2(len(rho)))
    return sum(e @ rho @ e.conj().T for e in (embed(k, wires, n) for k in kraus))


def partial_trace(rho, wires):
    """The reduced density matrix of some wires, in the order asked for."""
    n = int(np.log2(len(rho)))
    rest = [w for w in range(n) if w not in wires]
    order = [*wires, *rest]
    tensor = rho.reshape((2,) * (2 * n)).transpose(*order, *(n + w for w in order))
    k, r = 2 ** len(wires), 2 ** len(rest)
    return np.einsum("arbr->ab", tensor.reshape(k, r, k, r))


def replace(rho, sigma, wires):
    """Trace some wires out and put sigma there."""
    n = int(np.log2(len(rho)))
    rest = [w for w in range(n) if w not in wires]
    product = np.kron(sigma, partial_trace(rho, rest)).reshape((2,) * (2 * n))
    back = np.argsort([*wires, *rest])
    return product.transpose(*back, *(n + back)).reshape(2**n, 2**n)


def matrix_of(r, order, n):
    """The density matrix on wires 0..n-1 of a Pauli vector on ``order``; other wires are in |0>."""
    tensor = np.asarray(r, float).reshape((4,) * len(order)).astype(complex)
    for _ in order:  # each turn replaces the leading letter by a row and a column at the end
        tensor = np.tensordot(tensor, PAULIS / 2, (0, 0))
    rows, columns = range(0, 2 * len(order), 2), range(1, 2 * len(order), 2)
    dim = 2 ** len(order)
    rho = tensor.transpose(*rows, *columns).reshape(dim, dim)
    rest = [w for w in range(n) if w not in order]
    rho = np.kron(rho, zero(len(rest))).reshape((2,) * (2 * n))
    back = np.argsort([*order, *rest]).astype(int)
    return rho.transpose(*back, *(n + back)).reshape(2**n, 2**n)


def completed(values, order, letters):
    """The entries of a state on all wires, from those on ``order``; other wires are in |0>.

    ``letters`` has the letters of every wire.
    """
    rest = [w for w in range(len(letters)) if w not in order]
    tensor = np.asarray(values, float).reshape([len(letters[w]) for w in order])
    for wire in rest:
        tensor = np.multiply.outer(tensor, np.isin(letters[wire], (0, 3)))
    return tensor.transpose(np.argsort([*order, *rest]).astype(int))


def random_kraus(rng, wires, count):
    """Kraus operators of a random trace-preserving map."""
    dim = 2**wires
    tall = rng.normal(size=(count * dim, dim)) + 1j * rng.normal(size=(count * dim, dim))
    return np.linalg.qr(tall)[0].reshape(count, dim, dim)


def random_unitary(rng, wires):
    return random_kraus(rng, wires, 1)[0]


def random_state(rng, wires):
    """A random mixed state of full rank."""
    root = rng.normal(size=(2, 2**wires, 2**wires))
    root = root[0] + 1j * root[1]
    rho = root @ root.conj().T
    return rho / np.trace(rho).real


def random_hermitian(rng, wires):
    root = rng.normal(size=(2, 2**wires, 2**wires))
    root = root[0] + 1j * root[1]
    return (root + root.conj().T) / 2


def close(found, expected, atol):
    """Assert equality within an absolute tolerance; tensors may carry a graph."""
    found, expected = (
        x.detach().resolve_conj().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
        for x in (found, expected)
    )
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


# --- closed forms, and their Kraus operators ------------------------------------------------------

_, X, Y, Z = PAULIS
ONE = np.diag([0.0, 1.0])
H = (X + Z) / np.sqrt(2)
CNOT = np.kron(np.eye(2) - ONE, np.eye(2)) + np.kron(ONE, X)
SWAP = (np.eye(4) + np.kron(X, X) + np.kron(Y, Y) + np.kron(Z, Z)) / 2
TOFFOLI = np.kron(np.eye(4) - np.kron(ONE, ONE), np.eye(2)) + kron(ONE, ONE, X)


def exponential(generator, angle):
    energies, states = np.linalg.eigh(generator)
    return (states * np.exp(1j * angle * energies)) @ states.conj().T


def pauli_rotation(name, generator):
    """A rotation's closed form and its Kraus operators."""
    form = rotation(name, torch.as_tensor(np.asarray(generator, complex)))
    return form, lambda angle: np.array([exponential(generator, angle)])


def fixed(name, matrix):
    form = constant(name, torch.as_tensor(transfer(matrix[None])))
    return form, lambda: matrix[None].astype(complex)


def mixture(probability, matrix):
    """(1 - p) rho + p M rho M."""
    kraus = np.array(
        [np.sqrt(1 - probability) * np.eye(len(matrix)), np.sqrt(probability) * matrix]
    )
    return kraus.astype(complex)


def rot_kraus(phi, theta, omega):
    return np.array(
        [exponential(-Z / 2, omega) @ exponential(-Y / 2, theta) @ exponential(-Z / 2, phi)]
    )


def damping_kraus(gamma):
    return np.array([[[1, 0], [0, np.sqrt(1 - gamma)]], [[0, np.sqrt(gamma)], [0, 0]]], complex)


def depolarizing_kraus(p):
    return np.array([np.sqrt(1 - p) * np.eye(2), *(np.sqrt(p / 3) * P for P in (X, Y, Z))])


RZ, RY = pauli_rotation("RZ", -Z / 2)[0], pauli_rotation("RY", -Y / 2)[0]
ANGLE, STRENGTH = (-4.0, 4.0), (0.0, 1.0)
FORMS = {
    "RX": (*pauli_rotation("RX", -X / 2), [ANGLE]),
    "Rot": (sequence("Rot", RZ, RY, RZ), rot_kraus, [ANGLE] * 3),
    "H": (*fixed("H", H), []),
    "damping": (channels.AMPLITUDE_DAMPING, damping_kraus, [STRENGTH]),
    "depolarizing": (channels.DEPOLARIZING, depolarizing_kraus, [STRENGTH]),
    "CNOT": (*fixed("CNOT", CNOT), []),
    "SWAP": (*fixed("SWAP", SWAP), []),
    "CRX": (*pauli_rotation("CRX", np.kron(ONE, -X / 2)), [ANGLE]),
    "XY": (*pauli_rotation("XY", np.kron(X, Y) + 0.5 * np.kron(Z, X)), [ANGLE]),
    "error": (channels.pauli_error("XZ"), lambda p: mixture(p, np.kron(X, Z)), [STRENGTH]),
    "Toffoli": (*fixed("Toffoli", TOFFOLI), []),
    "CYZ": (*pauli_rotation("CYZ", kron(ONE, Y, Z)), [ANGLE]),
    "error3": (
        channels.pauli_error("YIX"),
        lambda p: mixture(p, kron(Y, np.eye(2), X)),
        [STRENGTH],
    ),
}
"""Closed form, its Kraus operators, the ranges of its parameters."""


class Case:
    """A circuit as a program for the package, and as Kraus operators for the reference.

    Every method that adds an operation takes its wires and the number of elements of its batch
    (None for no batch axis).
    """

    def __init__(self, num_wires, rng):
        self.num_wires = num_wires
        self.rng = rng
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
            return random_kraus(self.rng, len(wires), count)

        return self._operand(Operand.TRANSFER, wires, batch, make, transfer)

    def kraus(self, wires, batch=None, count=2):
        def make():
            return random_kraus(self.rng, len(wires), count)

        return self._operand(Operand.KRAUS, wires, batch, make, lambda kraus: kraus)

    def state(self, wires, batch=None):
        def make():
            return random_state(self.rng, len(wires))

        return self._operand(Operand.STATE, wires, batch, make, vector)

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
        rho = zero(self.num_wires)
        for operation, given in zip(self.operations, self.given, strict=True):
            matrices = given[element] if operation.batched else given
            act = replace if operation.form is Operand.STATE else apply
            rho = act(rho, matrices, operation.wires)
        return rho

    def check(self, observed=None, batch=None, atol=1e-12, dtype=torch.float64):
        """Compare every entry that is observed, for every element of the batch."""
        program = self.program(observed)
        ready = plan(program)
        found = evolve(ready, self.arguments(dtype)).numpy()
        assert len(found) in (1, batch or 1)
        observed = {w: [0] for w in range(self.num_wires)}
        for wire, letter in sorted(program.observed):
            observed[wire].append(letter)
        letters = observed | dict(zip(ready.order, ready.paulis, strict=True))
        positions = [[letters[w].index(x) for x in own] for w, own in observed.items()]
        for b in range(batch or 1):
            mine = completed(found[min(b, len(found) - 1)], ready.order, letters)
            theirs = letters_of(self.density(b))[np.ix_(*observed.values())]
            close(mine[np.ix_(*positions)], theirs, atol)
        return ready


WIDTHS = {"RX": 1, "Rot": 1, "H": 1, "damping": 1, "depolarizing": 1} | {
    "CNOT": 2,
    "SWAP": 2,
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


class Named(SimpleNamespace):
    """Functions for the tests, printed in short where a test fails."""

    def __repr__(self):
        return f"<{len(vars(self))} functions of conftest.py>"


@pytest.fixture(scope="session")
def circuits():
    """What builds circuits for both simulators."""
    return Named(
        Case=Case,
        random_case=random_case,
        layered_ring=layered_ring,
        pairs_of=pairs_of,
        FORMS=FORMS,
        OPERANDS=OPERANDS,
    )


@pytest.fixture(scope="session")
def dense():
    """The functions above."""
    return Named(
        PAULIS=PAULIS,
        close=close,
        kron=kron,
        words=words,
        letters_of=letters_of,
        vector=vector,
        transfer=transfer,
        zero=zero,
        embed=embed,
        apply=apply,
        partial_trace=partial_trace,
        matrix_of=matrix_of,
        random_kraus=random_kraus,
        random_unitary=random_unitary,
        random_state=random_state,
        random_hermitian=random_hermitian,
    )
