"""Autocast is switched off inside a simulation, and is what it was afterwards."""

import pytest
import torch

from pennylane_qizgloria.pauli.run.autocast import without_autocast

EYE = torch.eye(4)


def dtype_of_products():
    return (EYE @ EYE).dtype


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_products_keep_their_precision(dtype):
    """Matrix products inside are in the precision of their factors, whatever autocast says."""
    with torch.autocast("cpu", dtype=dtype):
        assert dtype_of_products() == dtype
        with without_autocast():
            assert dtype_of_products() == torch.float32
        assert dtype_of_products() == dtype
    assert dtype_of_products() == torch.float32


def test_nothing_is_done_without_autocast():
    """Where autocast is off it stays off."""
    with without_autocast():
        assert not torch.is_autocast_enabled("cpu")
        assert dtype_of_products() == torch.float32
    assert not torch.is_autocast_enabled("cpu")


def test_it_comes_back_after_an_error():
    """An error inside leaves autocast as it was."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with pytest.raises(RuntimeError), without_autocast():
            raise RuntimeError
        assert dtype_of_products() == torch.bfloat16
