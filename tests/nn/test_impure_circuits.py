"""Circuits that depend on more than their arguments, against PennyLane's layer on the same device.

Each of the first functions here makes a world: a quantum function of ``inputs`` and ``weights``,
and a function that changes what it depends on. `TRACEABLE` ones can be traced all the same,
`OTHERS` cannot.
"""

import functools
import itertools
import random
import threading
import time
import warnings
from argparse import ArgumentParser
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pennylane as qml
import pytest
import torch

from pennylane_qizgloria import TorchLayer
from pennylane_qizgloria.nn.tracing.trace_cache import TracingAccount

TRACEABLE = {}
OTHERS = {}


def traceable(make):
    TRACEABLE[make.__name__] = make
    return make


def other(make):
    OTHERS[make.__name__] = make
    return make


def measured(angle, weights):
    qml.RX(angle, wires=0)
    qml.Rot(*weights, wires=0)
    qml.CNOT([0, 1])
    return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]


def tensor(value, **options):
    return torch.tensor(value, dtype=torch.float64, **options)


# --- Python's own state ---------------------------------------------------------------------------

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


@other
def a_counter():
    return _method("counting")


@other
def an_event_every_third_call():
    events = []

    def function(inputs, weights):
        events.append(0)
        return measured(inputs[..., 0] + (len(events) % 3 == 0), weights)

    return function, lambda: None


@other
def an_iterator():
    angles = itertools.cycle([0.1, 0.2, 0.3])
    return lambda inputs, weights: measured(inputs[..., 0] + next(angles), weights), lambda: None


@other
def the_time():
    start = time.monotonic_ns()

    def function(inputs, weights):
        return measured(inputs[..., 0] + 0.0 * (time.monotonic_ns() - start), weights)

    return function, lambda: None


# --- arrays and tensors ---------------------------------------------------------------------------


@traceable
def an_array():
    angles = np.array([0.1, 0.2])

    def change():
        angles[1] += 0.3

    return lambda inputs, weights: measured(inputs[..., 0] + angles[1], weights), change


@traceable
def the_memory_of_an_array():
    angles = np.array([0.1, 0.2])
    shared = torch.from_numpy(angles)

    def change():
        angles[1] += 0.3

    return lambda inputs, weights: measured(inputs[..., 0] + shared[1], weights), change


@traceable
def a_tensor_written_in_place():
    angle = tensor(0.1)
    return lambda inputs, weights: measured(inputs[..., 0] + angle, weights), lambda: angle.add_(
        0.3
    )


@traceable
def a_tensor_written_by_way_of_its_data():
    angle = tensor(0.1)
    return (
        lambda inputs, weights: measured(inputs[..., 0] + angle, weights),
        lambda: angle.data.fill_(float(angle) + 0.3),
    )


@traceable
def a_parameter_written_by_way_of_its_data():
    angle = tensor(0.1, requires_grad=True)
    return (
        lambda inputs, weights: measured(inputs[..., 0] * angle, weights),
        lambda: angle.data.fill_(angle.item() + 0.3),
    )


@traceable
def an_inference_tensor():
    with torch.inference_mode():
        angle = tensor(0.1)

    def change():
        with torch.inference_mode():
            angle.add_(0.3)

    return lambda inputs, weights: measured(inputs[..., 0] + angle, weights), change


@traceable
def a_tensor_bound_anew():
    network = torch.nn.Linear(1, 1).double()
    world = SimpleNamespace(angle=network(torch.ones(1).double())[0])

    def change():
        world.angle = network(torch.ones(1).double())[0] * 2

    return lambda inputs, weights: measured(inputs[..., 0] * world.angle, weights), change


@traceable
def a_parameter_that_is_unfrozen():
    world = SimpleNamespace(angle=tensor(0.1))

    def change():
        world.angle.requires_grad_(not world.angle.requires_grad)

    return lambda inputs, weights: measured(inputs[..., 0] + world.angle, weights), change


@traceable
def a_state_that_is_assigned():
    network = torch.nn.Linear(2, 2).double()

    def change():
        state = {name: 0.7 * value for name, value in network.state_dict().items()}
        network.load_state_dict(state, assign=True)

    torch.nn.init.constant_(network.weight, 0.3)
    torch.nn.init.constant_(network.bias, 0.2)
    return lambda inputs, weights: measured(network(inputs)[..., 0], weights), change


@traceable
def a_module_in_another_dtype():
    scale = torch.nn.Parameter(tensor(0.3))
    module = torch.nn.ParameterList([scale])

    def change():
        module.float() if module[0].dtype == torch.float64 else module.double()

    return lambda inputs, weights: measured(inputs[..., 0] * module[0], weights), change


class Model(torch.nn.Module):
    """A module of the user's around a circuit."""

    def __init__(self):
        super().__init__()
        self.dropout = torch.nn.Dropout(0.5)
        self.register_buffer("angle", tensor(0.1))
        self.norm = torch.nn.BatchNorm1d(2).double()
        self.eval()

    def by_training(self, inputs, weights):
        return measured(inputs[..., 0] + (0.5 if self.training else 0.1), weights)

    def by_buffer(self, inputs, weights):
        return measured(inputs[..., 0] + self.angle, weights)

    def by_dropout(self, inputs, weights):
        return measured(self.dropout(inputs)[..., 0], weights)

    def by_norm(self, inputs, weights):
        return measured(self.norm(inputs)[..., 0], weights)

    def switch(self):
        self.train(not self.training)

    def write(self):
        self.angle += 0.3

    def replace(self):
        self.angle = self.angle + 0.3


@traceable
def the_mode_of_a_module():
    model = Model()
    return model.by_training, model.switch


@traceable
def a_buffer():
    model = Model()
    return model.by_buffer, model.write


@traceable
def a_buffer_that_is_replaced():
    model = Model()
    return model.by_buffer, model.replace


@traceable
def dropout():
    model = Model()
    return model.by_dropout, model.switch


@traceable
def a_norm_in_both_modes():
    model = Model()
    return model.by_norm, model.switch


# --- gradients ------------------------------------------------------------------------------------


@other
def a_branch_without_gradients():
    def function(inputs, weights):
        with torch.no_grad():
            correction = inputs.clamp(-0.3, 0.3) - inputs
        return measured((inputs + correction)[..., 0], weights)

    return function, lambda: None


@traceable
def a_straight_through_estimator():
    def function(inputs, weights):
        return measured((inputs + (inputs.round() - inputs).detach())[..., 0], weights)

    return function, lambda: None


class Clipped(torch.autograd.Function):
    """The identity, with a gradient of the user's own."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.view_as(x)

    @staticmethod
    def backward(ctx, cotangent):
        (x,) = ctx.saved_tensors
        return torch.where(x.abs() > 0.3, 0.5 * cotangent, cotangent)


@other
def a_function_with_a_gradient_of_its_own():
    return lambda inputs, weights: measured(Clipped.apply(inputs)[..., 0], weights), lambda: None


@other
def whether_gradients_are_recorded():
    def function(inputs, weights):
        return measured(inputs[..., 0] + (0.3 if torch.is_grad_enabled() else 0.0), weights)

    return function, lambda: None


@other
def whether_inputs_are_differentiated():
    def function(inputs, weights):
        return measured(inputs[..., 0] + (0.3 if inputs.requires_grad else 0.0), weights)

    return function, lambda: None


@other
def data():
    return lambda inputs, weights: measured(
        inputs.data[..., 0] * inputs[..., 1], weights
    ), lambda: None


# --- random numbers -------------------------------------------------------------------------------


def _sometimes(draw):
    def function(inputs, weights):
        if draw() < 0.5:
            qml.X(0)
        return measured(inputs[..., 0], weights)

    return function, lambda: None


@other
def numpys_random_numbers():
    return _sometimes(lambda: np.random.rand())  # noqa: NPY002


@other
def a_generator_of_numpys():
    generator = np.random.default_rng(1)
    return _sometimes(lambda: generator.random())


def pythons_random_numbers():
    return _sometimes(lambda: random.random())


@other
def a_generator_of_pythons():
    generator = random.Random(1)
    return _sometimes(lambda: generator.random())


@other
def torchs_random_numbers():
    return _sometimes(lambda: float(torch.rand(())))


@other
def a_generator_of_torchs():
    generator = torch.Generator().manual_seed(1)
    return _sometimes(lambda: float(torch.rand((), generator=generator)))


# --- the comparison -------------------------------------------------------------------------------

CALLS = 8

DEVICE = qml.device("qizgloria.mixed", wires=2)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Record a call as soon as one before it has been watched, although that does not pay."""
    monkeypatch.setattr(TracingAccount, "pays", lambda self, structure: structure.calls > 1)


def layer_of(kind, function):
    weights = torch.tensor([0.4, -1.1, 2.3], dtype=torch.float64)
    return kind(qml.QNode(function, DEVICE), {"weights": (3,)}, {"weights": weights})


def history(kind, make):
    """Values and gradients of several calls of a layer, with changes between."""
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    torch.manual_seed(7)
    function, change = make()
    layer = layer_of(kind, function)
    found, traced = [], []
    for number in range(CALLS):
        inputs = torch.tensor([[0.3, 0.2], [0.5, 0.9]], dtype=torch.float64).mul_(1 + number / 9)
        inputs = inputs.requires_grad_()
        result = layer(inputs)
        traced.append(getattr(layer, "is_traced", None))
        gradients = torch.autograd.grad(result.sum(), [inputs, *layer.parameters()])
        found.append([result.detach(), *gradients])
        if number in (3, 5):
            change()
    return found, traced


@pytest.mark.parametrize("make", [*TRACEABLE.values(), *OTHERS.values()])
def test_layers_follow_what_their_circuits_depend_on(make):
    """Values and gradients are PennyLane's after each change, traced or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, _ = history(qml.qnn.TorchLayer, make)
        found, traced = history(TorchLayer, make)
    for own, other in zip(found, expected, strict=True):
        for mine, theirs in zip(own, other, strict=True):
            torch.testing.assert_close(mine, theirs)
    assert traced[3] == (make.__name__ in TRACEABLE)


@pytest.mark.parametrize("make", [numpys_random_numbers, torchs_random_numbers])
def test_random_numbers_beside_other_threads(make):
    """That another thread might have drawn them is no reason to record a call that names them."""
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    try:
        test_layers_follow_what_their_circuits_depend_on(make)
    finally:
        ended.set()
        other.join()


@pytest.mark.parametrize("make", [*OTHERS.values(), pythons_random_numbers])
def test_one_warning_says_why_there_is_no_trace(make):
    """The warning points to the line that calls the layer, and the layer tells as well."""
    function, _ = make()
    layer = layer_of(TorchLayer, function)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(CALLS):
            layer(torch.full((2, 2), 0.4, dtype=torch.float64))
    own = [warning for warning in caught if "TorchLayer" in str(warning.message)]
    assert len(own) == 1
    assert own[0].filename == __file__
    assert not layer.is_traced
    assert layer.untraced_reason in str(own[0].message)
