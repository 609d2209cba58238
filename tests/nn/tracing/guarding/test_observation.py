"""Which functions are seen to run during a call, and which random numbers are drawn."""

import cProfile
import math
import random
import threading

import numpy as np
import pytest
import torch
from helpers.impure_circuits import NUM_CALLS, layer_of, measured
from helpers.layers import random_inputs

from pennylane_qizgloria import TorchLayer
from pennylane_qizgloria.nn.tracing.guarding.observation import observe, random_states


def first_input(inputs, weights):
    return measured(inputs[..., 0], weights)


def test_functions_of_the_user_are_seen():
    """Functions of libraries run unseen, and those that they call back do not."""

    def key(number):
        return -number

    def function():
        return max(map(math.sqrt, sorted([1.0, 4.0], key=key)))

    result, seen = observe(function)
    assert result == 2.0
    assert set(seen.functions) == {function.__code__, key.__code__}
    assert all(own is globals() for own in seen.functions.values())
    assert not seen.draws


def draw_by_numpy():
    np.random.rand()  # noqa: NPY002


def draw_by_torch():
    torch.rand(1)


@pytest.mark.parametrize("draw", [draw_by_numpy, draw_by_torch])
def test_draws_from_global_generators_are_seen(draw):
    """They count by the generators' states; beside another thread, if the code names what draws."""
    before = random_states()
    _, quiet = observe(lambda: None)
    assert not quiet.drew_since(before)
    _, seen = observe(draw)
    assert seen.drew_since(before)
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    try:
        assert seen.drew_since(before)
        assert not quiet.drew_since(before)
    finally:
        ended.set()
        other.join()


def test_pythons_generator_is_not_among_the_states():
    """Who draws from it names the module, which guards refuse."""
    before = random_states()
    random.random()
    assert random_states() == before


def test_entropy_is_seen():
    """A generator without a seed, made inside, draws from the operating system."""

    def function(inputs, weights):
        return measured(inputs[..., 0] * np.random.default_rng().random(), weights)

    layer = layer_of(TorchLayer, function)
    with pytest.warns(UserWarning, match="draws random numbers"):
        values = {layer(random_inputs(3, 2)).sum().item() for _ in range(NUM_CALLS)}
    assert len(values) == NUM_CALLS


def test_profilers_go_on():
    """A training step can be profiled, with what runs after the layer has watched a call."""
    layer, profiler = layer_of(TorchLayer, first_input), cProfile.Profile()
    profiler.enable()
    for _ in range(NUM_CALLS):
        found = layer(random_inputs(3, 2))
    diagonal = found.diag_embed()
    profiler.disable()
    torch.testing.assert_close(found, layer_of(TorchLayer, first_input)(random_inputs(3, 2)))
    assert layer.is_traced
    assert diagonal.shape == (3, 2, 2)
    assert any("diag_embed" in str(entry.code) for entry in profiler.getstats())
