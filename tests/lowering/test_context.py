"""Numbers of any interface as tensors of the simulation, and labels as integer wires."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from pennylane import numpy as pnp

from pennylane_qizgloria.lowering.context import TapeContext

DTYPES = [torch.float64, torch.float32]
VALUES = {
    "int": 2,
    "float": 0.5,
    "list": [1, 2.5],
    "numpy": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32),
    "reversed": np.arange(4.0)[::-1],
    "autograd": pnp.array([0.1, 0.2]),
    "jax": jnp.array([1.0, 2.0]),
    "torch": torch.tensor([1, 2]),
    "bool": True,
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", VALUES)
def test_numbers(name, dtype):
    """Numbers of every interface become tensors of the simulation's precision."""
    context, expected = TapeContext(dtype=dtype), np.asarray(VALUES[name])
    real, complex_ = context.real(VALUES[name]), context.complex(VALUES[name])
    assert real.dtype == dtype
    assert complex_.dtype == dtype.to_complex()
    for found in (real, complex_):
        assert found.device.type == "cpu"
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("value", [1 + 0j, torch.tensor([1j * 0, 2])], ids=repr)
def test_complex_numbers_without_imaginary_part_are_real(value):
    """Complex numbers are taken as real where they have no imaginary part."""
    assert TapeContext().real(value).dtype == torch.float64


def test_imaginary_parts_are_refused():
    """An imaginary part is refused as a real number, and kept as a complex one."""
    with pytest.raises(ValueError, match="a real number is needed, got 2j"):
        TapeContext().real(2j)
    assert TapeContext().complex(2j).item() == 2j


@pytest.mark.parametrize(
    "value", ["0.3", None, [1, "2"], object()], ids=["str", "None", "mixed", "?"]
)
def test_other_values_are_refused(value):
    """What is no number is refused, with what was given."""
    with pytest.raises(ValueError, match="numbers are needed, got "):
        TapeContext().real(value)


def test_arrays_are_copied():
    """Later changes of the user's array do not reach the simulation."""
    array = np.zeros(2)
    tensor = TapeContext().real(array)
    array[0] = 1
    assert tensor[0] == 0


def test_tensors_keep_their_graph():
    """The gradient of a tensor passes through a change of precision."""
    x = torch.tensor([0.1, 0.2], dtype=torch.float32, requires_grad=True)
    TapeContext().real(x).sum().backward()
    assert torch.equal(x.grad, torch.ones(2))


def test_wires():
    """Labels become their integer wires, in the order that is asked for."""
    context = TapeContext({"a": 0, 5: 1, "c": 2})
    assert context.wires(["c", "a"]) == (2, 0)
    with pytest.raises(KeyError):
        context.wires(["d"])
