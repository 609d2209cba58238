"""Semigroups of channels, against dense formulas and Qiskit's maps."""

import numpy as np
import pytest
import torch
from qiskit.quantum_info import PTM, PauliLindbladMap, SuperOp
from scipy.linalg import expm

from pennylane_qizgloria.pauli.maps.semigroups import (
    depolarizing,
    mixture,
    pauli_lindblad,
    semigroup,
)

STRENGTHS = torch.tensor([[0.0], [0.3], [1.7]], dtype=torch.float64)


@pytest.mark.parametrize("num_wires", [1, 2])
def test_depolarizing(num_wires):
    """Strength x keeps the share exp(-x) of the state, and mixes in the identity."""
    from qiskit_aer.noise import depolarizing_error

    for x, found in zip(STRENGTHS[:, 0].tolist(), depolarizing(num_wires)(STRENGTHS), strict=True):
        error = depolarizing_error(1 - np.exp(-x), num_wires)
        np.testing.assert_allclose(found, PTM(SuperOp(error)).data.real, atol=1e-12)


@pytest.mark.parametrize("word", ["X", "Y", "Z", "ZX", "YY"])
def test_pauli_lindblad(word):
    """Words that anticommute are multiplied as Qiskit's map says."""
    found = pauli_lindblad(word)(torch.tensor([0.2], dtype=torch.float64)).diagonal()
    own = PauliLindbladMap.from_list([(word, 0.2)])
    labels = [first + rest for first in "IXYZ" for rest in ("IXYZ" if len(word) == 2 else [""])]
    from qiskit.quantum_info import QubitSparsePauli

    expected = [own.pauli_fidelity(QubitSparsePauli(label)) for label in labels]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("size", [4, 16])
def test_semigroups_of_generators(rng, size):
    """The family is the exponential, and so are its derivatives."""
    generator = rng.normal(size=(size, size)) / size
    family = semigroup(torch.tensor(generator))
    for x in (0.0, 0.4, 2.0):
        point = torch.tensor([x], dtype=torch.float64)
        np.testing.assert_allclose(family(point), expm(x * generator), atol=1e-12)
        slope = torch.func.jacfwd(family)(point)[..., 0]
        np.testing.assert_allclose(slope, generator @ expm(x * generator), atol=1e-10)


def test_mixtures():
    """A mixture is linear in its strength, and goes no further than the channel."""
    transfer = torch.diag(torch.tensor([1, 1, -1, -1], dtype=torch.float64))
    family = mixture(transfer)
    np.testing.assert_allclose(family(torch.tensor([0.25]).double()).diagonal(), [1, 1, 0.5, 0.5])
    assert family.valid(torch.tensor([[0.0], [1.0], [1.1], [-0.1]])).tolist() == [1, 1, 0, 0]
