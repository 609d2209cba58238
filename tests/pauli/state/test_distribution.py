"""Distributions of outcomes against projectors of the dense density matrix."""

import numpy as np
import pytest
import torch
from helpers import density_matrices as dense
from helpers.comparison import assert_close

from pennylane_qizgloria.pauli import memory
from pennylane_qizgloria.pauli.state.basis import X, Y, Z
from pennylane_qizgloria.pauli.state.distribution import Distribution, distribution
from pennylane_qizgloria.pauli.state.measure import State

NUM_WIRES, ORDER = 5, (3, 0, 2)
"""The wires of a register, and those of them that the state has axes for."""


RNG = np.random.default_rng(0)
VECTORS = [dense.vector(dense.random_density_matrix(RNG, 3)) for _ in range(2)]
RHOS = [dense.matrix_of(vector, ORDER, NUM_WIRES) for vector in VECTORS]
STATE = State(torch.as_tensor(np.array(VECTORS)), ORDER)
"""Two density matrices of the register, and their state; wires without an axis are in |0>."""


BASES = {
    "one wire": ((3,), (Z,)),
    "X and Y": ((0, 2), (X, Y)),
    "other order": ((2, 3, 0), (Y, Z, X)),
    "an idle wire": ((4,), (Z,)),
    "idle wires in between": ((0, 1, 3, 4), (X, Z, Z, Z)),
    "idle wires in other bases": ((1, 2, 4), (X, Z, Y)),
    "all wires": ((4, 3, 2, 1, 0), (X, X, Y, Y, Z)),
}


@pytest.mark.parametrize("name", BASES)
def test_probabilities(name):
    """Probabilities of every Pauli basis agree with the projectors, idle wires included."""
    wires, paulis = BASES[name]
    found = distribution(STATE, wires, paulis).probabilities()
    assert_close(found, [dense.outcome_probabilities(rho, wires, paulis) for rho in RHOS], 1e-14)


def test_the_basis_is_z_unless_said_otherwise():
    """Without a basis, the computational one is measured."""
    found = distribution(STATE, (2, 0)).probabilities()
    assert_close(found, [np.diag(dense.partial_trace(rho, (2, 0))).real for rho in RHOS], 1e-14)


def test_idle_wires_are_kept_apart():
    """Wires without an axis are factors, or nothing at all where they give 0 for certain."""
    found = distribution(STATE, (1, 3, 4, 0), (X, Z, Z, X))
    assert found.wires == (1, 3, 4, 0)
    assert found.together == (3, 0)
    assert found.joint.shape == (2, 4)
    assert list(found.apart) == [1]
    assert found.apart[1].tolist() == [0.5, 0.5]


def test_many_idle_wires_cost_nothing_until_all_outcomes_are_asked_for(monkeypatch):
    """A distribution over 60 wires is held, and refused when its outcomes do not fit."""
    monkeypatch.setattr(memory, "available_bytes", lambda device: 2**30)
    found = distribution(STATE, range(60))
    assert found.joint.shape == (2, 8)
    with pytest.raises(MemoryError):
        found.probabilities()


def test_products():
    """The probabilities of a product are those of its factors, in the order of the wires."""
    rng = np.random.default_rng(1)
    joint, first, last = rng.dirichlet(np.ones(4), 3), rng.dirichlet([1, 1]), rng.dirichlet([1, 1])
    apart = {7: torch.as_tensor(first), 1: torch.as_tensor(last)}
    found = Distribution((7, 2, 9, 5, 1), (2, 5), torch.as_tensor(joint), apart).probabilities()
    tensor = np.einsum("a,bij,c->baijc", first, joint.reshape(3, 2, 2), last)
    whole = np.zeros((3, 2, 2, 2, 2, 2))
    whole[:, :, :, 0] = tensor  # wire 9 is neither together nor apart, and gives 0
    assert_close(found, whole.reshape(3, -1), 1e-15)


def test_no_wires():
    """Measuring no wires has one outcome, which is certain."""
    assert_close(distribution(STATE, ()).probabilities(), [[1.0], [1.0]], 1e-14)


def test_precision_and_gradient():
    """Probabilities have the state's precision and pass gradients through."""
    single = State(STATE.vector.float(), ORDER)
    assert distribution(single, (0, 1), (X, X)).probabilities().dtype == torch.float32

    def probabilities(vector):
        return distribution(State(vector, ORDER), (0, 1, 2), (X, Y, Z)).probabilities()

    assert torch.autograd.gradcheck(probabilities, (STATE.vector.clone().requires_grad_(),))
