"""Precision, compilation and placement: the numbers that do not depend on the machine."""

import numpy as np
import pennylane as qml
import pytest
import torch


def test_precision(run_demo):
    """Rounding errors are small, autocast leaves the circuit alone, compiling changes nothing."""
    demo = run_demo("precision", "--wires", 2, 5, "--repeats", 3, "--backend", "aot_eager")
    check_single_precision(demo)
    check_autocast(demo)
    check_compilation(demo)
    check_placement(demo)


def check_single_precision(demo):
    """Single precision errs by its rounding only, and double precision is default.mixed's."""
    for errors, bound in ((demo["errors"], 1e-6), (demo["gradient_errors"], 2e-5)):
        assert len(errors) == 2
        assert all(0 < error < bound for error in errors)  # 0: single would not be single

    double = demo["double"]
    device = qml.device("default.mixed", wires=5)
    qnode = qml.QNode(double.qnode.func, device, interface="torch")
    reference = qml.qnn.TorchLayer(qnode, {"weights": (2, 5, 3)}).double()
    reference.load_state_dict(double.state_dict())
    x = torch.rand(3, 5, dtype=torch.float64)
    torch.testing.assert_close(double(x), reference(x), rtol=0, atol=1e-10)


def check_autocast(demo):
    """Under autocast the circuit gives its exact results, rounded; scaling changes no gradient."""
    model, x = demo["model"], torch.rand(4, 64)
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype=dtype):
            angles = model.encoder(x)
            values = model.quantum(angles)
        assert angles.dtype == values.dtype == dtype
        assert torch.equal(values, model.quantum(angles.double()).to(dtype))

    plain, scaled = demo["plain"], demo["scaled"]
    assert plain["quantum.weights"].norm() > 0
    torch.testing.assert_close(scaled["quantum.weights"], plain["quantum.weights"])
    for name, gradient in plain.items():
        error = (scaled[name] - gradient).norm() / gradient.norm()
        assert error < 1e-3, name


def check_compilation(demo):
    """A model is one graph, however it calls its parts."""
    assert demo["graphs"] == {"Hybrid": 1, "nn.Sequential": 1}
    assert demo["compiled_error"] < 1e-5


def check_placement(demo):
    """The circuit runs where its module is, with the same results."""
    layer, x, result = demo["layer"], demo["x"], demo["on_place"]
    assert result.device.type == demo["place"].type
    expected = layer.cpu()(x.cpu()).detach().numpy()
    assert np.asarray(result.detach().cpu()) == pytest.approx(expected, abs=1e-6)
