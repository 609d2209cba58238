"""The tests check shapes that signatures say; without the hook in conftest.py they would not."""

import jaxtyping
import pytest
import torch

from pennylane_qizgloria.pauli.state.basis import pauli_vector


def test_wrong_shapes_are_found():
    """A matrix that is not square does not come through."""
    with pytest.raises(jaxtyping.TypeCheckError):
        pauli_vector(torch.zeros(2, 4, dtype=torch.complex128))


def test_wrong_dtypes_are_found():
    """Neither does a real matrix."""
    with pytest.raises(jaxtyping.TypeCheckError):
        pauli_vector(torch.zeros(2, 2))
