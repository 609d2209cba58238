"""Every operation of PennyLane's that acts on qubits, against default.mixed.

Where default.mixed has no answer, the reference is a dense matrix product. Each operation
acts on some wires, out of order, of a random mixed state of labelled wires.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pennylane as qml
import pytest
from helpers import density_matrices as dense
from helpers.execution import execute
from scipy.stats import unitary_group

from pennylane_qizgloria.lowering.operations.delay import Delay

LABELS = ("a", 3, "b", 0, "c")


@dataclass(frozen=True)
class Case:
    """An operation to test.

    Args:
        build: makes it, from its parameters and ``wires``.
        num_wires: how many wires it is made on.
        draws: a function for each parameter that draws it.
        batched: whether the parameters may have a batch axis; if not, the state gets one.
    """

    build: Callable
    num_wires: int
    draws: tuple[Callable, ...] = ()
    batched: bool = True


# --- parameters -----------------------------------------------------------------------------------


def angle(rng):
    return rng.uniform(-3, 3)


def strength(rng):
    return rng.uniform(0.05, 0.4)


def time(low, high):
    return lambda rng: rng.uniform(low, high)


def unitary(num_wires):
    return lambda rng: unitary_group.rvs(2**num_wires, random_state=rng)


def phases(num_wires):
    return lambda rng: np.exp(1j * rng.uniform(-3, 3, 2**num_wires))


def numbers(*shape):
    return lambda rng: rng.uniform(-0.3, 0.3, shape)


def kraus(num_operators, num_wires):
    def draw(rng):
        return unitary_group.rvs(num_operators * 2**num_wires, random_state=rng)[
            :, : 2**num_wires
        ].reshape(num_operators, 2**num_wires, 2**num_wires)

    return draw


# --- operations -----------------------------------------------------------------------------------


def gates(*kinds, draws=()):
    return {kind.__name__: Case(kind, kind.num_wires, draws) for kind in kinds}


ANGLE = (angle,)

CONSTANT = gates(
    qml.X, qml.Y, qml.Z, qml.H, qml.S, qml.T, qml.SX, qml.SWAP, qml.ISWAP, qml.SISWAP, qml.ECR
) | gates(
    qml.CNOT, qml.CY, qml.CZ, qml.CH, qml.CSWAP, qml.CCZ, qml.Toffoli, qml.QubitSum, qml.QubitCarry
)

PARAMETRISED = (
    gates(qml.RX, qml.RY, qml.RZ, qml.PhaseShift, qml.U1, draws=ANGLE)
    | gates(qml.U2, draws=ANGLE * 2)
    | gates(qml.U3, qml.Rot, qml.CRot, draws=ANGLE * 3)
    | gates(qml.CRX, qml.CRY, qml.CRZ, qml.ControlledPhaseShift, draws=ANGLE)
    | gates(qml.CPhaseShift00, qml.CPhaseShift01, qml.CPhaseShift10, draws=ANGLE)
    | gates(qml.IsingXX, qml.IsingXY, qml.IsingYY, qml.IsingZZ, qml.PSWAP, draws=ANGLE)
    | gates(qml.SingleExcitation, qml.SingleExcitationPlus, draws=ANGLE)
    | gates(qml.SingleExcitationMinus, qml.FermionicSWAP, draws=ANGLE)
    | gates(qml.DoubleExcitation, qml.DoubleExcitationPlus, draws=ANGLE)
    | gates(qml.DoubleExcitationMinus, qml.OrbitalRotation, draws=ANGLE)
    | {
        f"PauliRot {word}": Case(partial(qml.PauliRot, pauli_word=word), len(word), ANGLE)
        for word in ("X", "Y", "I", "YZ", "IX", "III", "ZXY", "XYZX", "YIZXZ")
    }
    | {f"MultiRZ on {k}": Case(qml.MultiRZ, k, ANGLE) for k in (1, 2, 3, 4, 5)}
    | {
        f"PCPhase {dim} on {k}": Case(partial(qml.PCPhase, dim=dim), k, ANGLE)
        for k, dim in ((1, 1), (2, 3), (3, 2), (4, 5))
    }
    | {"GlobalPhase": Case(qml.GlobalPhase, 1, ANGLE)}
)

MATRICES = (
    {f"QubitUnitary on {k}": Case(qml.QubitUnitary, k, (unitary(k),)) for k in (1, 2, 3, 4, 5)}
    | {
        f"DiagonalQubitUnitary on {k}": Case(qml.DiagonalQubitUnitary, k, (phases(k),))
        for k in (1, 2, 3, 4)
    }
    | {
        f"SpecialUnitary on {k}": Case(qml.SpecialUnitary, k, (numbers(4**k - 1),))
        for k in (1, 2, 3, 4)
    }
    | {
        f"BlockEncode on {k}": Case(qml.BlockEncode, k, (numbers(2 ** (k - 1), 3),), batched=False)
        for k in (3, 4, 5)
    }
    | {
        f"ControlledQubitUnitary, control values {values}": Case(
            partial(qml.ControlledQubitUnitary, control_values=values),
            len(values) + k,
            (unitary(k),),
        )
        for values, k in (((1,), 1), ((0,), 2), ((0, 1), 1), ((1, 0), 2), ((0, 1, 1), 1))
    }
)

CONTROLLED = {
    f"MultiControlledX, control values {values}": Case(
        partial(qml.MultiControlledX, control_values=values), len(values) + 1
    )
    for values in ((0,), (1,), (0, 1), (1, 1), (1, 0, 1), (0, 0, 1, 1))
} | {
    f"controlled {base.__name__}, control values {values}": Case(
        lambda *args, wires, base=base, values=values: qml.ctrl(
            base(*args, wires=wires[len(values) :]),
            control=wires[: len(values)],
            control_values=values,
        ),
        len(values) + base.num_wires,
        draws,
    )
    for base, draws, values in (
        (qml.S, (), (1,)),
        (qml.H, (), (0,)),
        (qml.RX, ANGLE, (0,)),
        (qml.RY, ANGLE, (1, 0)),
        (qml.PhaseShift, ANGLE, (0, 1)),
        (qml.Rot, ANGLE * 3, (0,)),
        (qml.U3, ANGLE * 3, (1, 1)),
        (qml.IsingXY, ANGLE, (1,)),
        (qml.SWAP, (), (0,)),
        (qml.RZ, ANGLE, (1, 0, 1)),
        (qml.RX, ANGLE, (0, 1, 1, 0)),
        (qml.PhaseShift, ANGLE, (1, 1, 0)),
        (qml.Rot, ANGLE * 3, (0, 1, 1)),
        (qml.SingleExcitation, ANGLE, (0, 1)),
    )
}


def composed(build, num_wires, draws=(), **kwargs):
    """A case whose builder takes the wires as the last positional argument."""
    return Case(lambda *args, wires: build(*args, wires), num_wires, draws, **kwargs)


SYMBOLIC = {
    "adjoint of S": composed(lambda w: qml.adjoint(qml.S(w[0])), 1),
    "adjoint of SX": composed(lambda w: qml.adjoint(qml.SX(w[0])), 1),
    "adjoint of ISWAP": composed(lambda w: qml.adjoint(qml.ISWAP(w)), 2),
    "adjoint of ECR": composed(lambda w: qml.adjoint(qml.ECR(w), lazy=True), 2),
    "lazy adjoint of RX": composed(
        lambda x, w: qml.ops.op_math.Adjoint(qml.RX(x, wires=w)), 1, ANGLE
    ),
    "adjoint of U3": composed(lambda x, y, z, w: qml.adjoint(qml.U3(x, y, z, w)), 1, ANGLE * 3),
    "lazy adjoint of Rot": composed(
        lambda x, y, z, w: qml.adjoint(qml.Rot(x, y, z, w), lazy=True), 1, ANGLE * 3
    ),
    "adjoint of QubitUnitary": composed(
        lambda u, w: qml.adjoint(qml.QubitUnitary(u, w)), 2, (unitary(2),)
    ),
    "adjoint of wide QubitUnitary": composed(
        lambda u, w: qml.adjoint(qml.QubitUnitary(u, w), lazy=True), 4, (unitary(4),)
    ),
    "adjoint of DoubleExcitation": composed(
        lambda x, w: qml.adjoint(qml.DoubleExcitation(x, w), lazy=True), 4, ANGLE
    ),
    "controlled GlobalPhase": composed(
        lambda x, w: qml.ctrl(qml.GlobalPhase(x, []), w, control_values=[1, 0]), 2, ANGLE
    ),
    "wide controlled GlobalPhase": composed(
        lambda x, w: qml.ctrl(qml.GlobalPhase(x, []), w, control_values=[1, 0, 1, 1]), 4, ANGLE
    ),
    "adjoint of controlled": composed(
        lambda x, w: qml.adjoint(qml.ctrl(qml.RX(x, w[1]), w[0], control_values=[0])), 2, ANGLE
    ),
    "square root of X": composed(lambda w: qml.pow(qml.X(w[0]), 0.5), 1),
    "S to the power 3": composed(lambda w: qml.pow(qml.S(w[0]), 3), 1),
    "inverse square root of SWAP": composed(lambda w: qml.pow(qml.SWAP(w), -0.5), 2),
    "Toffoli to the power 0.3": composed(lambda w: qml.pow(qml.Toffoli(w), 0.3), 3),
    "lazy RX to the power 1.7": composed(
        lambda x, w: qml.pow(qml.RX(x, w[0]), 1.7, lazy=True), 1, ANGLE
    ),
    "lazy IsingXX to the power -2": composed(
        lambda x, w: qml.pow(qml.IsingXX(x, w), -2, lazy=True), 2, ANGLE
    ),
    "Rot to the power 2": composed(
        lambda x, y, z, w: qml.pow(qml.Rot(x, y, z, w[0]), 2), 1, ANGLE * 3
    ),
    "QubitUnitary to the power 3": composed(
        lambda u, w: qml.pow(qml.QubitUnitary(u, w), 3, lazy=True), 2, (unitary(2),)
    ),
    "product on different wires": composed(
        lambda x, w: qml.prod(qml.RX(x, w[0]), qml.S(w[1])), 2, ANGLE
    ),
    "product on the same wires": composed(
        lambda x, y, w: qml.prod(qml.RX(x, w[0]), qml.CNOT(w), qml.RY(y, w[1])), 2, ANGLE * 2
    ),
    "controlled product": composed(
        lambda x, w: qml.ctrl(qml.prod(qml.RX(x, w[1]), qml.H(w[2])), w[0]), 3, ANGLE
    ),
    "exponential of a word": composed(
        lambda x, w: qml.exp(qml.X(w[0]) @ qml.Y(w[1]), 1j * x), 2, ANGLE, batched=False
    ),
    "exponential of a sum": composed(
        lambda x, w: qml.exp(qml.X(w[0]) + 0.5 * qml.Z(w[1]) @ qml.Z(w[2]), 1j * x),
        3,
        ANGLE,
        batched=False,
    ),
    "Evolution": composed(
        lambda x, w: qml.evolve(qml.X(w[0]) @ qml.Z(w[1]) + qml.Y(w[1]), x),
        2,
        ANGLE,
        batched=False,
    ),
    "unitary scaled Pauli": composed(lambda w: qml.s_prod(1j, qml.X(w[0])), 1),
}

WITHOUT_EFFECT = {
    "Identity": Case(qml.Identity, 2),
    "Barrier": Case(qml.Barrier, 3),
    "controlled Barrier": composed(
        lambda w: qml.ops.op_math.Controlled(qml.Barrier(w[:1]), w[1:]), 2
    ),
    "Delay": composed(lambda w: Delay(100, "ns", w), 1),
    "WireCut": Case(qml.WireCut, 1),
    "Snapshot": composed(lambda w: qml.Snapshot(), 1),
}

STRENGTH = (strength,)

CHANNELS = (
    gates(qml.AmplitudeDamping, qml.PhaseDamping, qml.DepolarizingChannel, draws=STRENGTH)
    | gates(qml.BitFlip, qml.PhaseFlip, draws=STRENGTH)
    | gates(qml.GeneralizedAmplitudeDamping, qml.ResetError, draws=STRENGTH * 2)
    | {
        f"ThermalRelaxationError, {name}": Case(
            qml.ThermalRelaxationError,
            1,
            (strength, time(*t1), time(*t2), time(0.1, 0.4)),
        )
        for name, t1, t2 in (
            ("T2 below T1", (1.0, 1.2), (0.3, 0.9)),
            ("T2 above T1", (0.5, 0.6), (0.7, 0.9)),
        )
    }
    | {
        # PennyLane refuses an array of strengths.
        f"PauliError {word}": Case(
            partial(qml.PauliError, word), len(word), STRENGTH, batched=False
        )
        for word in ("X", "Y", "Z", "XY", "IZ", "ZYX", "XYZY", "YIXZX")
    }
    | {
        f"QubitChannel, {m} operators on {k} wires": Case(
            qml.QubitChannel, k, (kraus(m, k),), batched=False
        )
        for m, k in ((1, 1), (3, 1), (2, 2), (3, 3), (2, 4), (2, 5))
    }
)

WIDE = {
    "QFT": Case(qml.QFT, 4),
    "adjoint of QFT": composed(lambda w: qml.adjoint(qml.QFT(w)), 4),
    "GroverOperator": Case(qml.GroverOperator, 5),
    "IntegerComparator": Case(partial(qml.IntegerComparator, 3, geq=True), 4),
    "Permute": composed(lambda w: qml.Permute(w[::-1], wires=w), 4),
    "controlled QFT": composed(lambda w: qml.ctrl(qml.QFT(w[1:]), w[0], control_values=[0]), 4),
    "Select": composed(
        lambda x, w: qml.Select([qml.X(w[2]), qml.RY(x, w[2]), qml.S(w[3])], control=w[:2]),
        4,
        ANGLE,
        batched=False,
    ),
    "TrotterProduct": composed(
        lambda x, w: qml.TrotterProduct(
            qml.X(w[0]) @ qml.X(w[1]) + 0.3 * qml.Z(w[2]) @ qml.Y(w[3]), x, n=2, order=2
        ),
        4,
        ANGLE,
        batched=False,
    ),
}

CASES = (
    CONSTANT | PARAMETRISED | MATRICES | CONTROLLED | SYMBOLIC | WITHOUT_EFFECT | CHANNELS | WIDE
)

BEYOND_DEFAULT_MIXED = {
    "inverse square root of SWAP",
    "Toffoli to the power 0.3",
    "exponential of a sum",
    "Evolution",
}
"""What default.mixed refuses; the reference is its matrix."""


# --- tests ----------------------------------------------------------------------------------------


def zigzag(labels):
    """Labels from the two ends in turn, so that no two neighbours stay in order."""
    order = []
    remaining = list(labels)
    while remaining:
        order.append(remaining.pop())
        remaining.reverse()
    return order


@pytest.mark.parametrize("batch_size", [None, 3, 1])
@pytest.mark.parametrize("name", CASES)
def test_operation_acts_as_in_pennylane(name, batch_size, rng):
    """Matrix, wire order, batch axis and precision of an operation are PennyLane's."""
    case = CASES[name]
    system = LABELS[: min(max(case.num_wires + 1, 3), len(LABELS))]
    wires = zigzag(system)[: case.num_wires]
    batched_parameters = case.batched and bool(case.draws) and batch_size is not None
    sets = [[draw(rng) for draw in case.draws] for _ in range(batch_size or 1)]
    if batched_parameters:
        parameters = [np.stack(column) for column in zip(*sets, strict=True)]
        states = dense.random_density_matrix(rng, len(system))
        singles = [(single, states) for single in sets]
    else:
        parameters = sets[0]
        states = dense.random_density_matrix(rng, len(system), batch_size)
        singles = [(parameters, state) for state in states.reshape(-1, *states.shape[-2:])]

    def run(device, parameters, state):
        prepare = qml.QubitDensityMatrix(state, system)
        operation = case.build(*parameters, wires=wires)
        return execute(device, [prepare, operation], [qml.density_matrix(system)])

    def apply_matrix(parameters, state):
        matrix = qml.matrix(case.build(*parameters, wires=wires), wire_order=wires)
        return dense.apply(state, [matrix], [system.index(wire) for wire in wires])

    if name in BEYOND_DEFAULT_MIXED:
        expected = np.stack([apply_matrix(*single) for single in singles])
    else:
        mixed = qml.device("default.mixed", wires=system)
        expected = np.stack([run(mixed, *single) for single in singles])
    expected = expected[0] if batch_size is None else expected
    for r_dtype, c_dtype, tolerance in (
        (np.float64, np.complex128, 1e-10),
        (np.float32, np.complex64, 1e-5),
    ):
        device = qml.device("qizgloria.mixed", wires=system, r_dtype=r_dtype)
        result = run(device, parameters, states)
        assert result.shape == expected.shape
        assert result.dtype == c_dtype
        np.testing.assert_allclose(result, expected, atol=tolerance, rtol=0)


def test_wide_pauli_error_keeps_a_batch_of_one():
    """A batch axis of length one is kept where Kraus operators are used."""
    device = qml.device("qizgloria.mixed")
    error = qml.PauliError("XYZY", np.array([0.3]), wires=range(4))
    result = execute(device, [error], [qml.expval(qml.Z(0))])
    assert result.shape == (1,)
    np.testing.assert_allclose(result, [0.4], atol=1e-10)
