"""Runs the demos as scripts, small, and gives what they have computed."""

import runpy
import sys
from pathlib import Path

import jaxtyping
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch

DEMOS = Path(__file__).parents[2] / "doc" / "demos"


@pytest.fixture
def run_demo(monkeypatch, tmp_path):
    """Run a demo in an empty folder, with arguments of its command line; return its variables."""
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    # The other tests check shapes; with shots a demo makes so many calls that it takes long.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        return runpy.run_path(str(DEMOS / f"{name}.py"), run_name="__main__")

    dtype = torch.get_default_dtype()
    yield run
    # A script may set these for good; a test may not.
    torch.set_default_dtype(dtype)
    plt.close("all")
