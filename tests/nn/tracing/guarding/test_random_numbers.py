"""Circuits that draw random numbers run as they are."""

import random
import threading

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.impure_circuits import (
    Case,
    assert_follows,
    assert_warns_once,
    collector,
    measured,
    unchanged,
)

UNTRACEABLE: list[Case] = []
untraceable = collector(UNTRACEABLE)


def _sometimes(draw):
    def function(inputs, weights):
        if draw() < 0.5:
            qml.X(0)
        return measured(inputs[..., 0], weights)

    return function, unchanged


@untraceable
def numpys_random_numbers():
    return _sometimes(lambda: np.random.rand())  # noqa: NPY002


@untraceable
def a_generator_of_numpys():
    generator = np.random.default_rng(1)
    return _sometimes(lambda: generator.random())


def pythons_random_numbers():
    return _sometimes(lambda: random.random())


@untraceable
def a_generator_of_pythons():
    generator = random.Random(1)
    return _sometimes(lambda: generator.random())


@untraceable
def torchs_random_numbers():
    return _sometimes(lambda: float(torch.rand(())))


@untraceable
def a_generator_of_torchs():
    generator = torch.Generator().manual_seed(1)
    return _sometimes(lambda: float(torch.rand((), generator=generator)))


@pytest.mark.parametrize("case", UNTRACEABLE)
def test_other_layers_run_as_they_are(case):
    """Values and gradients are PennyLane's where calls cannot be traced."""
    assert_follows(case, is_traced=False)


@pytest.mark.parametrize("case", [*UNTRACEABLE, pythons_random_numbers])
def test_one_warning_says_why_there_is_no_trace(case):
    """The warning points to the line that calls the layer, and the layer gives the same reason."""
    assert_warns_once(case)


@pytest.mark.parametrize("case", [numpys_random_numbers, torchs_random_numbers])
def test_random_numbers_beside_other_threads(case):
    """A call that names what draws is not traced, although another thread might have drawn."""
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    try:
        assert_follows(case, is_traced=False)
    finally:
        ended.set()
        other.join()
