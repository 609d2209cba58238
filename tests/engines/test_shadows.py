"""Classical shadows from the bits of single shots in random bases."""

import numpy as np
import pennylane as qml
import pytest

from pennylane_qizgloria.engines.shadows import shadow_recipes, shadow_results

RNG = np.random.default_rng(6)
BITS, RECIPES = RNG.integers(0, 2, (2, 4000, 2)), RNG.integers(0, 3, (4000, 2))


def test_recipes_are_pennylanes():
    """A seed gives the bases that PennyLane draws from it."""
    found = shadow_recipes(qml.classical_shadow([0, 1, 2], seed=3), 5, 3)
    expected = np.random.RandomState(3).randint(0, 3, (5, 3))
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("is_batched", [False, True])
def test_shadows_have_pennylanes_layout(is_batched):
    """A shadow is the bits and then the recipes, as small integers, batch in front."""
    bits = BITS if is_batched else BITS[:1]
    found = shadow_results(qml.classical_shadow([0, 1]), bits, RECIPES, is_batched)
    assert found.dtype == np.int8
    elements = found if is_batched else found[None]
    for own, expected in zip(elements, bits, strict=True):
        assert np.array_equal(own, [expected, RECIPES])


@pytest.mark.parametrize("is_batched", [False, True])
def test_expectation_from_a_shadow(is_batched):
    """The estimate of a word is 3**k times the mean product of the shots in its bases."""
    bits = BITS if is_batched else BITS[:1]
    process = qml.shadow_expval(qml.Z(0) @ qml.X(1))
    match = (RECIPES == [2, 0]).all(1)
    expected = [9 * np.mean(match * np.prod(1 - 2 * own, axis=1)) for own in bits]
    found = shadow_results(process, bits, RECIPES, is_batched)
    np.testing.assert_allclose(found, expected if is_batched else expected[0], atol=1e-12)
