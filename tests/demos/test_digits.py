"""The demo of a classifier of handwritten digits."""

import numpy as np
import pytest

SHORT = "--epochs", 4, "--batch-size", 32, "--lr", 0.02


def test_it_learns_the_digits(run_demo, capsys, tmp_path):
    """Trained for four epochs, it tells nearly all pictures of the test set apart."""
    demo = run_demo("digits", *SHORT, "--output", "digits.png")
    assert demo["accuracy"] > 0.95
    history = demo["history"]
    assert [len(values) for values in history.values()] == [4] * 4
    assert history["test loss"][-1] < 0.3 * history["test loss"][0]
    matrix, labels = demo["matrix"], demo["test_labels"].numpy()
    np.testing.assert_array_equal(matrix.sum(1), np.bincount(labels))
    assert np.trace(matrix) == round(demo["accuracy"] * len(labels))
    printed = capsys.readouterr().out
    assert printed.count("epoch ") == 4
    assert f"test accuracy {demo['accuracy']:.1%}" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["digits.png"]
    assert demo["model"].circuit.untraced_reason is None


def test_no_picture_is_written_unasked(run_demo, tmp_path):
    """The gallery keeps the picture itself."""
    run_demo("digits", "--epochs", 1, "--batch-size", 125)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("readout", [0.0, 0.1])
def test_scores_are_those_of_the_reporting_detector(readout, run_demo):
    """A detector that flips bits with probability p shrinks expectation values by 1 - 2 p."""
    demo = run_demo("digits", "--epochs", 1, "--batch-size", 125, "--readout", readout)
    model, images = demo["model"], demo["test_images"]
    scores = model(images)
    assert scores.abs().max() <= (1 - 2 * readout) * model.factor


def test_other_devices_train_the_same(run_demo):
    """Without readout errors PennyLane's default.mixed gives the same losses."""
    small = "--epochs", 1, "--batch-size", 125, "--readout", 0
    ours = run_demo("digits", *small)["history"]
    theirs = run_demo("digits", *small, "--device", "default.mixed")["history"]
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], rtol=1e-4)


def test_nothing_passes_by_the_circuit(run_demo):
    """With its outputs at zero every score is zero, whatever the picture."""
    demo = run_demo("digits", "--epochs", 1, "--batch-size", 125)
    model = demo["model"]
    model.circuit.register_forward_hook(lambda module, given, found: 0 * found)
    assert not model(demo["test_images"]).any()
