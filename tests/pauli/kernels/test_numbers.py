"""The vectors of numbers that kernels take, and where they come from."""

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers import density_matrices as dense
from helpers.closed_forms import FORMS
from helpers.programs import Case
from pennylane.tape import QuantumScript

from pennylane_qizgloria.engines.exact import KernelEngine
from pennylane_qizgloria.lowering.circuit import lower
from pennylane_qizgloria.pauli.kernels.numbers import (
    arrays_of,
    batched_numbers,
    constant_numbers,
    plain_numbers,
)
from pennylane_qizgloria.pauli.kernels.table import kernel_table
from pennylane_qizgloria.pauli.program.program import Arguments, Constants, Operation, Program

BATCH = 3


def matrix_of(name, *params):
    """The transfer matrix of a closed form, from its Kraus operators."""
    return dense.transfer(FORMS[name][1](*params))


def as_vector(*parts):
    return np.concatenate([np.ravel(part) for part in parts])


def constant_program(*names):
    """One-wire operations whose parameters are constant, with a rotation that is not behind."""
    operations = [Operation(FORMS[name][0], (0,), constant=True) for name in names]
    operations.append(Operation(FORMS["RX"][0], (0,)))
    return Program(1, tuple(operations), frozenset({(0, 1), (0, 2), (0, 3)}))


def arguments_of(*constants, dtype=torch.float64):
    numbers = torch.tensor(constants, dtype=torch.float64).to(dtype)
    return Arguments(torch.zeros(1, dtype=dtype), constants=Constants(numbers))


# --- arrays ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_arrays_have_the_precision_of_the_numbers(dtype):
    """Signs and scales are in the precision asked for, all others are integers."""
    table = kernel_table(Case(2).form("CRX", [0, 1]).form("CNOT", [1, 0]).program())
    steps, bases, offsets, items, pairs, signs, rotations, scales = arrays_of(table, dtype)
    real = str(dtype).removeprefix("torch.")
    assert {str(own.dtype) for own in (signs, scales)} == {real}
    integers = (steps, bases, offsets, items, pairs, rotations)
    assert {str(own.dtype) for own in integers} == {"int64"}
    np.testing.assert_array_equal(scales, table.scales)
    np.testing.assert_array_equal(signs, table.signs)


# --- numbers with derivatives ---------------------------------------------------------------------


def test_plain_numbers():
    """Behind the scalars stand the matrices and the states, in the order of their steps."""
    case = Case(2).form("RX", [0]).transfer([1, 0]).form("damping", [1]).state([0])
    case.form("error", [0, 1]).form("RX", [0], BATCH)
    angle, gamma, strength = case.scalars
    transfer, state = case.operands
    table = kernel_table(case.program())
    found = plain_numbers(table, case.arguments())
    matrices = (transfer, matrix_of("damping", gamma), state, matrix_of("error", strength))
    expected = as_vector([angle, gamma, strength], *matrices)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


def test_batched_numbers():
    """Those of each element are a row: the batched scalars, then the matrices."""
    case = Case(2).form("RX", [0], BATCH).transfer([1, 0], BATCH).form("damping", [0], BATCH)
    case.state([1], BATCH).form("RX", [0]).form("RX", [1], BATCH)
    angles, strengths, others = case.columns
    transfers, states = case.operands
    table = kernel_table(case.program())
    found = batched_numbers(table, case.arguments(), BATCH)
    for b, row in enumerate(found):
        matrices = (transfers[b], matrix_of("damping", strengths[b]), states[b])
        expected = as_vector([angles[b], strengths[b], others[b]], *matrices)
        np.testing.assert_allclose(row, expected, rtol=0, atol=1e-14)


def test_scalars_alone_are_not_copied():
    """Where only rotations have parameters, the numbers are the scalars themselves."""
    case = Case(1).form("Rot", [0]).form("RX", [0], BATCH)
    table, arguments = kernel_table(case.program()), case.arguments()
    assert plain_numbers(table, arguments) is arguments.scalars
    assert batched_numbers(table, arguments, BATCH) is arguments.batched_scalars


def test_no_batched_numbers():
    """Without batched scalars there is a row without numbers for each element."""
    case = Case(1).form("RX", [0])
    found = batched_numbers(kernel_table(case.program()), case.arguments(), 5)
    assert found.shape == (5, 0)
    assert found.dtype == torch.float64


def test_batched_matrices_without_batched_scalars():
    """Batched operands need no batched scalars."""
    case = Case(1).form("RX", [0]).transfer([0], BATCH)
    found = batched_numbers(kernel_table(case.program()), case.arguments(), BATCH)
    np.testing.assert_array_equal(found, np.reshape(case.operands[0], (BATCH, 16)))


def test_torch_differentiates_the_numbers():
    """Matrices are made by operations that torch records."""
    case = Case(1).form("damping", [0], params=[0.3]).form("damping", [0], 2, params=[[0.1, 0.2]])
    table, given = kernel_table(case.program()), case.arguments()
    scalars, columns = (x.requires_grad_() for x in (given.scalars, given.batched_scalars))
    arguments = Arguments(scalars, columns)
    numbers = (plain_numbers(table, arguments), batched_numbers(table, arguments, 2))
    sums = [own[..., -1].sum() for own in numbers]  # of T[Z, Z] = 1 - gamma
    assert torch.autograd.grad(sums[0], scalars)[0].tolist() == pytest.approx([-1])
    assert torch.autograd.grad(sums[1], columns)[0].flatten().tolist() == pytest.approx([-1, -1])


# --- constants ------------------------------------------------------------------------------------


def test_constant_numbers():
    """Behind the constants stand the products of constant matrices, the first one rightmost."""
    table = kernel_table(constant_program("damping", "H", "depolarizing"))
    found = constant_numbers(table, arguments_of(0.3, 0.2))
    product = matrix_of("depolarizing", 0.2) @ matrix_of("H") @ matrix_of("damping", 0.3)
    np.testing.assert_allclose(found, as_vector([0.3, 0.2], product), rtol=0, atol=1e-14)


def test_no_constants():
    """Gates without parameters need no constants."""
    case = Case(1).form("H", [0]).form("RX", [0])
    found = constant_numbers(kernel_table(case.program()), case.arguments())
    np.testing.assert_allclose(found, matrix_of("H").flatten(), rtol=0, atol=1e-14)


def test_constants_in_single_precision():
    """Products are made in double precision, whatever the precision of the result is."""
    table = kernel_table(constant_program(*["damping"] * 30))
    strengths = np.linspace(0.01, 0.02, 30).astype(np.float32).tolist()
    double = constant_numbers(table, arguments_of(*strengths))
    single = constant_numbers(table, arguments_of(*strengths, dtype=torch.float32))
    assert single.dtype == torch.float32
    assert torch.equal(single, double.float())


def test_products_are_remembered():
    """The same constants in the same program and precision are multiplied once."""
    table, arguments = kernel_table(constant_program("damping")), arguments_of(0.3)
    assert constant_numbers(table, arguments) is constant_numbers(table, arguments)


def test_no_product_is_stale():
    """Other constants, another program and another precision give other numbers."""
    table, other = (kernel_table(constant_program(name)) for name in ("damping", "depolarizing"))
    given = arguments_of(0.3)
    before = constant_numbers(table, given)
    again = arguments_of(0.4)
    assert constant_numbers(table, again)[0] == 0.4
    expected = {
        (table, given): matrix_of("damping", 0.3),
        (table, again): matrix_of("damping", 0.4),
        (other, given): matrix_of("depolarizing", 0.3),
    }
    for (own, arguments), matrix in expected.items():
        found = constant_numbers(own, arguments)[1:]
        np.testing.assert_allclose(found, matrix.flatten(), rtol=0, atol=1e-14)
    single = Arguments(given.scalars.float(), constants=given.constants)
    assert constant_numbers(table, single).dtype == torch.float32
    assert constant_numbers(table, given) is before


def test_strengths_of_noise_may_change():
    """Tapes with other constants give other results, and the first ones again afterwards."""

    def mean(angle, gamma):
        operations = [qml.RY(angle, 0), qml.AmplitudeDamping(gamma, 0), qml.Hadamard(0)]
        circuit = lower(QuantumScript(operations, [qml.expval(qml.X(0))]), torch.float64)
        (state,) = KernelEngine().run([circuit], None)
        return float(circuit.measurements.exact(state)[0])

    for angle, gamma in [(0.4, 0.1), (0.4, 0.3), (1.1, 0.3), (0.4, 0.1)]:
        expected = gamma + (1 - gamma) * np.cos(angle)
        assert mean(angle, gamma) == pytest.approx(expected, abs=1e-12)


def test_numbers_made_in_inference_mode_serve_derivatives():
    """Constants that were multiplied in inference mode are no inference tensors."""
    table, arguments = kernel_table(constant_program("damping", "H")), arguments_of(0.35)
    with torch.inference_mode():
        assert not constant_numbers(table, arguments).is_inference()
