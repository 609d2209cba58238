"""Layers follow the arrays, tensors and modules that circuits read."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.impure_circuits import Case, assert_follows, collector, double, measured

TRACEABLE: list[Case] = []
traceable = collector(TRACEABLE)


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
    angle = double(0.1)
    return lambda inputs, weights: measured(inputs[..., 0] + angle, weights), lambda: angle.add_(
        0.3
    )


@traceable
def a_tensor_written_by_way_of_its_data():
    angle = double(0.1)
    return (
        lambda inputs, weights: measured(inputs[..., 0] + angle, weights),
        lambda: angle.data.fill_(float(angle) + 0.3),
    )


@traceable
def a_parameter_written_by_way_of_its_data():
    angle = double(0.1, requires_grad=True)
    return (
        lambda inputs, weights: measured(inputs[..., 0] * angle, weights),
        lambda: angle.data.fill_(angle.item() + 0.3),
    )


@traceable
def an_inference_tensor():
    with torch.inference_mode():
        angle = double(0.1)

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
    world = SimpleNamespace(angle=double(0.1))

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
    scale = torch.nn.Parameter(double(0.3))
    module = torch.nn.ParameterList([scale])

    def change():
        module.float() if module[0].dtype == torch.float64 else module.double()

    return lambda inputs, weights: measured(inputs[..., 0] * module[0], weights), change


class Model(torch.nn.Module):
    """A module of the user's around a circuit."""

    def __init__(self):
        super().__init__()
        self.dropout = torch.nn.Dropout(0.5)
        self.register_buffer("angle", double(0.1))
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


@pytest.mark.parametrize("case", TRACEABLE)
def test_traced_layers_follow_changes(case):
    """Values and gradients are PennyLane's before and after a change, and calls are traced."""
    assert_follows(case, is_traced=True)
