"""The fused matrices of a plan's steps against products of dense transfer matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import density_matrices as dense
from helpers.closed_forms import FORMS
from helpers.comparison import assert_close
from helpers.programs import Case

from pennylane_qizgloria.pauli.assembly.parts import MatrixBatch
from pennylane_qizgloria.pauli.plan.planner import plan
from pennylane_qizgloria.pauli.program.program import Arguments, Constants, Operand, Operation
from pennylane_qizgloria.pauli.run.matrices import batch_matrices, fused_matrices

DOUBLE = torch.float64
SCALARS = torch.tensor([0.3, -1.2, 2.0, 0.7], dtype=DOUBLE)
COLUMNS = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], dtype=DOUBLE)


def kraus_transfer(name, *params):
    return dense.transfer(np.asarray(FORMS[name][1](*params)))


def matrices_of(name, slots, batched=False, constant=False, **arguments):
    """The matrices of some operations of one closed form."""
    operation = Operation(FORMS[name][0], (0,), batched, constant)
    batch = MatrixBatch(operation, torch.tensor(slots, dtype=torch.long))
    return batch_matrices(batch, Arguments(SCALARS, COLUMNS, **arguments))


# --- matrices of one kind -------------------------------------------------------------------------


def test_plain_parameters():
    """Each row has the scalars at its own positions."""
    found = matrices_of("RX", [[2], [0]])
    assert found.shape == (2, 1, 4, 4)
    expected = [[kraus_transfer("RX", 2.0)], [kraus_transfer("RX", 0.3)]]
    assert_close(found, expected, 1e-14)


def test_several_parameters():
    """A form of several parameters has them in the order of its positions."""
    found = matrices_of("Rot", [[3, 0, 1]])
    assert_close(found, [[kraus_transfer("Rot", 0.7, 0.3, -1.2)]], 1e-14)


def test_batched_parameters():
    """Batched parameters make a matrix for each element of the batch."""
    found = matrices_of("RX", [[1], [2]], batched=True)
    expected = [[kraus_transfer("RX", float(x)) for x in COLUMNS[:, column]] for column in (1, 2)]
    assert_close(found, expected, 1e-14)


def test_constants_are_made_once():
    """Matrices of constants are the same object as long as the same constants come."""
    operation = Operation(FORMS["damping"][0], (0,), constant=True)
    batch = MatrixBatch(operation, torch.tensor([[1], [0]]))
    constants = Constants(torch.tensor([0.1, 0.25], dtype=DOUBLE))
    first, second = (
        batch_matrices(batch, Arguments(SCALARS, constants=own)) for own in (constants, constants)
    )
    assert first is second
    expected = [[kraus_transfer("damping", 0.25)], [kraus_transfer("damping", 0.1)]]
    assert_close(first, expected, 1e-14)
    other = Constants(constants.numbers * 2)
    doubled = batch_matrices(batch, Arguments(SCALARS, constants=other))
    assert_close(doubled[1, 0], kraus_transfer("damping", 0.2), 1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_forms_without_parameters(dtype):
    """A gate without parameters is one matrix in the precision of the arguments."""
    batch = MatrixBatch(Operation(FORMS["H"][0], (0,)), torch.zeros(1, 0, dtype=torch.long))
    found = batch_matrices(batch, Arguments(SCALARS.to(dtype)))
    assert found.dtype == dtype
    assert_close(found, [[kraus_transfer("H")]], 1e-6)


@pytest.mark.parametrize("batch", [None, 3])
def test_operands(batch):
    """Operands are taken as they are, with their batch axis or one of length 1."""
    shape = (4, 4) if batch is None else (batch, 4, 4)
    operands = tuple(torch.randn(shape, dtype=DOUBLE) for _ in range(3))
    operation = Operation(Operand.TRANSFER, (0,), batch is not None)
    found = batch_matrices(
        MatrixBatch(operation, torch.tensor([[2], [0]])), Arguments(SCALARS, None, operands)
    )
    assert found.shape == (2, batch or 1, 4, 4)
    assert torch.equal(found, torch.stack([operands[2], operands[0]]).reshape(found.shape))


# --- fused matrices -------------------------------------------------------------------------------


def on_pair(matrix, wires):
    """A dense transfer matrix on one or two wires as one on the wires (0, 1)."""
    if len(wires) == 1:
        return np.kron(matrix, np.eye(4)) if wires == (0,) else np.kron(np.eye(4), matrix)
    if wires == (0, 1):
        return matrix
    return matrix.reshape((4,) * 4).transpose(1, 0, 3, 2).reshape(16, 16)


def product_of(case, element=0):
    """The product of the transfer matrices of a circuit on two wires."""
    whole = np.eye(16)
    for operation, given in zip(case.operations, case.given, strict=True):
        kraus = given[element] if operation.batched else given
        whole = on_pair(dense.transfer(np.asarray(kraus)), operation.wires) @ whole
    return whole


ENTER = np.kron(*[np.array([[1.0], [0], [0], [1]])] * 2)
"""Both wires in |0>: the one column that a first step needs."""

CASES = {
    "one gate": lambda c: c.form("CRX", [0, 1]),
    "wires the other way round": lambda c: c.form("CRX", [1, 0]),
    "gates on both sides": lambda c: (
        c.form("Rot", [0]).form("damping", [1]).form("CRX", [1, 0]).form("RX", [1]).form("H", [0])
    ),
    "several pairs of gates": lambda c: (
        c.form("CNOT", [0, 1]).form("RX", [1]).form("XY", [1, 0]).form("error", [0, 1])
    ),
    "batched": lambda c: c.form("RX", [0], 3).form("CRX", [0, 1], 3).form("damping", [1], 3),
    "batched beside plain": lambda c: (
        c.form("RX", [0])
        .form("Rot", [0], 3)
        .form("CNOT", [1, 0])
        .form("damping", [0])
        .form("RX", [1])
    ),
    "operand": lambda c: c.transfer([1, 0]).form("RX", [0]).transfer([1], 3),
}


@pytest.mark.parametrize("name", CASES)
def test_fused_steps_are_products(name):
    """A fused step is the product of its operations, reduced to the columns that come in."""
    case = CASES[name](Case(2))
    ready = plan(case.program())
    (step,) = ready.steps
    found = fused_matrices(ready, case.arguments())[step.tensor][step.row]
    elements = 3 if "batch" in name or name == "operand" else 1
    assert found.shape == (elements, 16, 1)
    places = [(4, 1), (1, 4)][ready.order != (0, 1)]
    rows = sum(np.meshgrid(*(np.arange(4) * place for place in places), indexing="ij"))
    expected = [product_of(case, b) @ ENTER for b in range(elements)]
    own = found if ready.order == (0, 1) else found[:, rows.flatten()]
    assert_close(own, expected, 1e-13)


def test_only_observed_rows_are_made():
    """Rows of Paulis that nobody observes are left out."""
    case = Case(2).form("Rot", [0]).form("CRX", [0, 1])
    ready = plan(case.program([(0, 3), (1, 1)]))
    (step,) = ready.steps
    (found,) = fused_matrices(ready, case.arguments())
    words = [4 * a + b for a in (0, 3) for b in (0, 1)]
    if ready.order != (0, 1):
        words = [4 * a + b for b in (0, 1) for a in (0, 3)]
    assert_close(found[step.row, 0], (product_of(case) @ ENTER)[words], 1e-13)


def test_steps_that_are_built_alike_share_a_stack():
    """Steps with the same factors are rows of one stack, whatever their numbers are."""
    case = Case(4)
    for pair in ([0, 1], [2, 3]):
        case.form("Rot", pair[:1]).form("CRX", pair)
    ready = plan(case.program())
    assert len({step.tensor for step in ready.steps}) == 1
    (stack,) = fused_matrices(ready, case.arguments())
    assert stack.shape == (2, 1, 16, 1)
    assert not torch.allclose(stack[0], stack[1])


def test_gradients_reach_the_arguments():
    """Fused matrices are differentiable with respect to scalars, batches and operands."""
    case = Case(2).form("RX", [0]).form("damping", [1], 2).transfer([0, 1])
    ready, given = plan(case.program()), case.arguments()

    def matrices(scalars, columns, operand):
        return fused_matrices(ready, Arguments(scalars, columns, (operand,)))

    inputs = (given.scalars, given.batched_scalars, given.operands[0])
    leaves = tuple(x.clone().requires_grad_() for x in inputs)
    assert torch.autograd.gradcheck(matrices, leaves, fast_mode=True)
