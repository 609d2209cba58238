"""The ensemble of quantum neural networks: vmap, gradients of points, and what is learnt."""

import pennylane as qml
import torch


def test_ensemble(run_demo):
    """An ensemble trained by vmap is that of a loop, classifies, and is unsure far from points."""
    demo = run_demo("quantum_neural_network", "--members", 4, "--epochs", 15)
    check_values(demo)
    check_gradients_of_points(demo)
    check_predictions(demo)


def member(demo, k):
    return {name: w[k] for name, w in demo["weights"].items()}


def check_values(demo):
    """The losses of vmap are those of a loop; a member's outputs are default.mixed's."""
    weights, x, y = demo["weights"], demo["train_x"], demo["train_y"]
    torch.testing.assert_close(
        demo["ensemble_loss"](weights, x, y), demo["loop_loss"](weights, x, y)
    )

    @qml.qnode(qml.device("default.mixed", wires=2), interface="torch")
    def circuit(inputs, weights):
        tape = qml.tape.make_qscript(demo["circuit"].func)(inputs, weights)
        for gate in tape.operations:
            qml.apply(gate)
        for wire in range(2):
            qml.BitFlip(0.02, wires=wire)  # the readout error
        return [qml.expval(qml.Z(wire)) for wire in range(2)]

    layer = qml.qnn.TorchLayer(circuit, {"weights": (4, 2, 3)})
    reference = torch.nn.Sequential(layer, torch.nn.Linear(2, 1), torch.nn.Flatten(0))
    reference.load_state_dict(member(demo, 2))
    torch.testing.assert_close(
        demo["ensemble_predict"](weights, x[:5])[2],
        reference(x[:5]),
        rtol=1e-4,
        atol=1e-4,
    )


def check_gradients_of_points(demo):
    """The gradients of points average to the batch's, by ordinary backpropagation."""
    weights = {name: w.clone().requires_grad_() for name, w in member(demo, 1).items()}
    demo["loss"](weights, demo["train_x"], demo["train_y"]).backward()
    for name, gradients in demo["gradients"].items():
        mean = gradients[1].mean(dim=0)
        torch.testing.assert_close(mean, weights[name].grad, rtol=1e-3, atol=1e-5)

    # The ten longest gradients are of points with a small or negative margin, wrong ones first.
    norms, wrong = demo["norms"], demo["wrong"]
    logits = demo["ensemble_predict"](demo["weights"], demo["train_x"]).mean(dim=0)
    margins = logits * (2 * demo["train_y"] - 1)
    assert (margins[norms.topk(10).indices] < margins.median()).all()
    assert wrong.any()
    assert norms[wrong].mean() > 3 * norms[~wrong].mean()


def check_predictions(demo):
    """Every member learns, and members differ far from the points only."""
    assert (demo["history"][-1] < demo["history"][0] / 3).all()
    assert demo["member_accuracy"].min() > 0.9
    assert demo["accuracy"] > 0.93

    distance = torch.cdist(demo["grid"], demo["train_x"]).amin(dim=1)
    spread = demo["spread"].mT.flatten()  # in the order of the grid's points
    assert spread[distance > 1].mean() > 3 * spread[distance < 0.1].mean()
