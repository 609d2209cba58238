"""Layers follow what circuits read of Python: globals, closures, containers, objects, functions."""

import functools
import itertools
import time
from argparse import ArgumentParser
from dataclasses import dataclass
from types import SimpleNamespace

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

TRACEABLE: list[Case] = []
traceable = collector(TRACEABLE)

UNTRACEABLE: list[Case] = []
untraceable = collector(UNTRACEABLE)


GLOBAL_ANGLE = 0.1
GLOBAL_SETTINGS = {"angle": 0.1, "unused": 3}


@traceable
def a_global():
    def change():
        global GLOBAL_ANGLE
        GLOBAL_ANGLE += 0.3

    globals()["GLOBAL_ANGLE"] = 0.1
    return lambda inputs, weights: measured(inputs[..., 0] + GLOBAL_ANGLE, weights), change


@traceable
def an_entry_of_a_global():
    GLOBAL_SETTINGS["angle"] = 0.1

    def change():
        GLOBAL_SETTINGS["angle"] += 0.3

    return lambda inputs, weights: measured(
        inputs[..., 0] * GLOBAL_SETTINGS["angle"], weights
    ), change


@traceable
def a_closure():
    angle = 0.1

    def change():
        nonlocal angle
        angle += 0.3

    return lambda inputs, weights: measured(inputs[..., 0] + angle, weights), change


@traceable
def an_entry_of_a_list():
    angles = [0.1, 0.2]

    def change():
        angles[1] += 0.3

    return lambda inputs, weights: measured(inputs[..., 0] + sum(angles), weights), change


@traceable
def the_length_of_a_list():
    gates = [0.1]
    return (
        lambda inputs, weights: measured(inputs[..., 0] + len(gates), weights),
        lambda: gates.append(0.1),
    )


@traceable
def a_nested_dict():
    settings = {"noise": {"strengths": [0.1, 0.2]}}

    def function(inputs, weights):
        qml.DepolarizingChannel(settings["noise"]["strengths"][0], wires=0)
        return measured(inputs[..., 0], weights)

    def change():
        settings["noise"]["strengths"][0] *= 0.7

    return function, change


@traceable
def a_set():
    wires = {0}

    def function(inputs, weights):
        for wire in wires:
            qml.X(wire)
        return measured(inputs[..., 0], weights)

    return function, lambda: wires.symmetric_difference_update({1})


@traceable
def an_attribute():
    settings = SimpleNamespace(angle=0.1)

    def change():
        settings.angle += 0.3

    return lambda inputs, weights: measured(inputs[..., 0] + settings.angle, weights), change


@traceable
def an_option_of_the_command_line():
    arguments = ArgumentParser()
    arguments.add_argument("--angle", type=float, default=0.1)
    options = arguments.parse_args([])

    def change():
        options.angle += 0.3

    return lambda inputs, weights: measured(inputs[..., 0] + options.angle, weights), change


class Circuit:
    """A circuit as an object of the user's."""

    scale = 1.0

    def __init__(self):
        self.angle = 0.1
        self.nested = SimpleNamespace(angles=[0.1, 0.2])
        self.calls = 0
        for number in range(100):
            setattr(self, f"unused_{number}", number)

    def by_method(self, inputs, weights):
        return measured(self.scale * inputs[..., 0] + self.angle, weights)

    def by_other_method(self, inputs, weights):
        return self.by_method(self.shifted(inputs), weights)

    def shifted(self, inputs):
        return inputs + self.nested.angles[1]

    @property
    def doubled(self):
        return 2 * self.angle

    def by_property(self, inputs, weights):
        return measured(inputs[..., 0] + self.doubled, weights)

    def by_name(self, inputs, weights):
        return measured(inputs[..., 0] + getattr(self, "ang" + "le"), weights)

    def counting(self, inputs, weights):
        self.calls += 1
        return measured(inputs[..., 0] + (self.calls % 3 == 0), weights)

    def __call__(self, inputs, weights):
        return self.by_method(inputs, weights)

    def change(self):
        self.angle += 0.3
        self.nested.angles[1] += 0.2


def _method(name):
    own = Circuit()
    return getattr(own, name), own.change


@traceable
def a_method():
    return _method("by_method")


@traceable
def a_method_of_a_method():
    return _method("by_other_method")


@traceable
def a_property():
    return _method("by_property")


@traceable
def an_attribute_by_name():
    return _method("by_name")


@traceable
def a_callable_object():
    own = Circuit()
    return functools.partial(own.__call__), own.change


@traceable
def a_class_attribute():
    own = Circuit()
    Circuit.scale = 1.0

    def change():
        Circuit.scale *= 0.7

    return own.by_method, change


@traceable
def an_attribute_that_hides_the_class():
    own = Circuit()
    Circuit.scale = 1.0

    def change():
        own.scale = 0.3 + own.scale / 2

    return own.by_method, change


@traceable
def a_function_that_is_called():
    helper = SimpleNamespace(angle=lambda x: x + 0.1)

    def change():
        helper.angle = lambda x: x * 0.4

    return lambda inputs, weights: measured(helper.angle(inputs[..., 0]), weights), change


def _shift(x, by=(0.1,)):
    return x + by[0]


@traceable
def the_defaults_of_a_function():
    _shift.__defaults__ = ((0.1,),)

    def change():
        _shift.__defaults__ = ((_shift.__defaults__[0][0] + 0.3,),)

    return lambda inputs, weights: measured(_shift(inputs[..., 0]), weights), change


@traceable
def a_default_of_a_decorated_function():
    angles = [0.1]

    @torch.enable_grad()  # a wrapper of torch's, under the name and the module of what it wraps
    def shift(x, by=angles):
        return x + by[0]

    def change():
        angles[0] += 0.3

    return lambda inputs, weights: measured(shift(inputs[..., 0]), weights), change


@traceable
def the_arguments_of_a_partial():
    settings = {"angle": 0.1}

    def function(options, inputs, weights):
        return measured(inputs[..., 0] + options["angle"], weights)

    def change():
        settings["angle"] += 0.2

    return functools.partial(function, settings), change


@dataclass
class Settings:
    angle: float = 0.1


@traceable
def a_dataclass():
    settings = Settings()

    def change():
        settings.angle += 0.2

    return lambda inputs, weights: measured(inputs[..., 0] + settings.angle, weights), change


@traceable
def a_string():
    settings = {"gate": "RX"}

    def function(inputs, weights):
        getattr(qml, settings["gate"])(inputs[..., 0], wires=1)
        return measured(inputs[..., 1], weights)

    def change():
        settings["gate"] = "RY" if settings["gate"] == "RX" else "RX"

    return function, change


@untraceable
def a_counter():
    return _method("counting")


@untraceable
def an_event_every_third_call():
    events = []

    def function(inputs, weights):
        events.append(0)
        return measured(inputs[..., 0] + (len(events) % 3 == 0), weights)

    return function, unchanged


@untraceable
def an_iterator():
    angles = itertools.cycle([0.1, 0.2, 0.3])
    return lambda inputs, weights: measured(inputs[..., 0] + next(angles), weights), unchanged


@untraceable
def the_time():
    start = time.monotonic_ns()

    def function(inputs, weights):
        return measured(inputs[..., 0] + 0.0 * (time.monotonic_ns() - start), weights)

    return function, unchanged


@pytest.mark.parametrize("case", TRACEABLE)
def test_traced_layers_follow_changes(case):
    """Values and gradients are PennyLane's before and after a change, and calls are traced."""
    assert_follows(case, is_traced=True)


@pytest.mark.parametrize("case", UNTRACEABLE)
def test_other_layers_run_as_they_are(case):
    """Values and gradients are PennyLane's where calls cannot be traced."""
    assert_follows(case, is_traced=False)


@pytest.mark.parametrize("case", UNTRACEABLE)
def test_one_warning_says_why_there_is_no_trace(case):
    """The warning points to the line that calls the layer, and the layer gives the same reason."""
    assert_warns_once(case)
