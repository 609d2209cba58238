"""The order of the demos' pages, and the look of their pictures."""

import logging

import matplotlib.pyplot as plt
import torch
from cycler import cycler

DEMOS = (
    "digits",
    "hello_world",
    "mnist",
    "hybrid",
    "qaoa",
    "vqe",
    "meta_learning",
    "parallel_optimisation",
    "quantum_neural_network",
    "twin",
    "zero_noise",
    "precision",
    "backward_pass",
    "evaluator",
    "device_by_hand",
)
"""The order of the gallery: from first steps to the tools beneath."""


def place_of_demo(filename: str) -> int:
    """Where a demo comes in the gallery."""
    return DEMOS.index(filename.removesuffix(".py"))


def set_style(_: dict, __: str) -> None:
    """Give the pictures of all demos one look, which leaves the scripts free of it."""
    # Okabe and Ito's colours, which people with colour-blindness can tell apart.
    colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]
    plt.rcParams.update({
        "axes.grid": True,
        "axes.prop_cycle": cycler(color=colours),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.constrained_layout.use": True,
        "grid.alpha": 0.25,
        "legend.frameon": False,
    })  # fmt: skip


def quieten(_: dict, __: str) -> None:
    """Keep the console for the build: a style of Pygments sets Python's root logger to INFO."""
    logging.getLogger().setLevel(logging.WARNING)


def reset_torch(_: dict, __: str) -> None:
    """Undo what a demo sets for the whole process."""
    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
