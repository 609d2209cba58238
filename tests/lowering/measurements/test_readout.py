"""What a user says about readout error, as confusion matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pennylane.wires import Wires

from pennylane_qizgloria.lowering.measurements.readout import confusion_model

WIRES = Wires(["a", 5, "c"])
WIRE_MAP = {"c": 0, "a": 1, 5: 2}
ASYMMETRIC = [[0.9, 0.1], [0.3, 0.7]]
SYMMETRIC = [[0.8, 0.2], [0.2, 0.8]]
FLIP = [[0, 1], [1, 0]]


def matrices(given, wires=WIRES, wire_map=WIRE_MAP):
    """The confusion matrices by integer wire that a readout error comes to."""
    model = confusion_model(given, wires)
    return {wire: np.round(m.numpy(), 9).tolist() for wire, m in model.on(wire_map).items()}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0.2, dict.fromkeys(range(3), SYMMETRIC)),
        (np.float64(0.2), dict.fromkeys(range(3), SYMMETRIC)),
        (torch.tensor(0.2, dtype=torch.float64), dict.fromkeys(range(3), SYMMETRIC)),
        ((0.1, 0.3), dict.fromkeys(range(3), ASYMMETRIC)),
        (np.array([0.1, 0.3]), dict.fromkeys(range(3), ASYMMETRIC)),
        (torch.tensor([0.1, 0.3], dtype=torch.float64), dict.fromkeys(range(3), ASYMMETRIC)),
        (ASYMMETRIC, dict.fromkeys(range(3), ASYMMETRIC)),
        ({"a": 0.2, 5: (0.1, 0.3)}, {1: SYMMETRIC, 2: ASYMMETRIC}),
        ({"c": ASYMMETRIC}, {0: ASYMMETRIC}),
        ([ASYMMETRIC, SYMMETRIC, np.eye(2)], {1: ASYMMETRIC, 2: SYMMETRIC, 0: np.eye(2).tolist()}),
        ({}, {}),
        (1, dict.fromkeys(range(3), FLIP)),
    ],
    ids=str,
)
def test_meaning(given, expected):
    """Each form of the readout error is read as documented: rows are true outcomes."""
    assert matrices(given) == expected


@pytest.mark.parametrize("given", [None, 0.0, 0, (0.0, 0.0), np.eye(2), torch.tensor(0.0)], ids=str)
def test_no_error(given):
    """A perfect detector is lowered to no readout error."""
    assert confusion_model(given, WIRES) is None


def test_unknown_wires_without_device_wires():
    """A device without wires takes readout errors of some wires."""
    assert matrices({"a": 0.2, "elsewhere": 0.1}, wires=None) == {1: SYMMETRIC}


def test_tensors_keep_their_gradient():
    """Readout errors given as tensors keep their gradient."""
    pair = torch.tensor([0.1, 0.3], dtype=torch.float64, requires_grad=True)
    model = confusion_model({"a": pair}, WIRES)
    weights = torch.tensor([[1.0, 10.0], [100.0, 1000.0]], dtype=torch.float64)
    (gradient,) = torch.autograd.grad((model.by_label["a"] * weights).sum(), pair)
    assert gradient.tolist() == [10 - 1, 100 - 1000]


def test_zero_that_is_trained_is_kept():
    """A readout error of 0 is kept where it is trained."""
    p = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    assert confusion_model(p, WIRES) is not None


OUT_OF_RANGE = [-0.1, 1.5, np.nan, np.inf]


@pytest.mark.parametrize("value", OUT_OF_RANGE)
@pytest.mark.parametrize(
    "form",
    [
        lambda p: p,
        lambda p: (0.1, p),
        lambda p: {"a": p},
        lambda p: [[p, 1 - p], [0.1, 0.9]],
        lambda p: [ASYMMETRIC, [[0.5, 0.5], [1 - p, p]], SYMMETRIC],
        lambda p: torch.tensor(p),
        lambda p: torch.tensor([p, 0.1]),
    ],
)
def test_out_of_range(form, value):
    """Probabilities out of range are refused."""
    with pytest.raises(ValueError, match=r"must be in the range \[0,1\], got"):
        confusion_model(form(value), WIRES)


@pytest.mark.parametrize(
    "given",
    [
        "0.1",
        b"0.1",
        True,
        np.bool_(True),
        np.array([True, False]),
        0.1 + 0.2j,
        np.array([0.1 + 0.2j, 0.1]),
        object(),
        [0.1, "b"],
        {"a": None},
        {"a": "0.1"},
        {"a": {"c": 0.1}},
        torch.tensor(True),
        torch.tensor(0.1 + 0.2j),
    ],
    ids=lambda value: type(value).__name__,
)
def test_wrong_type(given):
    """What is not a number is refused by name."""
    with pytest.raises(TypeError, match=r"readout_prob of .* it must be a float p, a pair"):
        confusion_model(given, WIRES)


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ([0.1, 0.2, 0.3], r"\(3,\)"),
        ([0.1], r"\(1,\)"),
        ([], r"\(0,\)"),
        (np.eye(3), r"\(3, 3\)"),
        ({"a": np.eye(3)}, r"\(3, 3\)"),
        (np.ones((3, 2, 3)), r"\(2, 3\)"),
        (np.ones((1, 1, 1, 1)), r"\(1, 1, 1, 1\)"),
    ],
    ids=str,
)
def test_wrong_shape(given, shape):
    """Wrong shapes are refused with the shapes that are accepted."""
    with pytest.raises(ValueError, match=f"has the shape {shape}; it must be a float p, a pair"):
        confusion_model(given, WIRES)


def test_ragged_list():
    """A ragged list is refused with the shapes that are accepted."""
    with pytest.raises((TypeError, ValueError), match="readout_prob"):
        confusion_model([[0.1, 0.2], [0.3]], WIRES)


def test_rows_that_do_not_sum_to_one():
    """Rows that do not sum to one are refused."""
    with pytest.raises(ValueError, match="rows of the confusion matrix of all wires must each sum"):
        confusion_model(np.transpose(ASYMMETRIC), WIRES)


def test_wrong_number_of_matrices():
    """A number of matrices other than that of the wires is refused."""
    with pytest.raises(ValueError, match="has 2 confusion matrices for 3 wires"):
        confusion_model([ASYMMETRIC] * 2, WIRES)


def test_matrices_without_wires():
    """A list of matrices needs the device's wires."""
    with pytest.raises(ValueError, match="needs a device with wires; give a dict by wire"):
        confusion_model([ASYMMETRIC] * 2, None)


def test_unknown_wire():
    """An unknown wire is refused by name."""
    with pytest.raises(ValueError, match=r"names the wires \['b'\], but the device has"):
        confusion_model({"a": 0.1, "b": 0.1}, WIRES)
