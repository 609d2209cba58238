"""Options that are refused before Qiskit sees them."""

import numpy as np
import pytest
from pennylane.wires import Wires

from pennylane_qizgloria.qiskit.backends.validation import (
    MAX_SEED,
    require_layout,
    require_max_time,
    require_qubits,
    require_seed,
)


@pytest.mark.parametrize("seed", [None, 0, 7, np.int64(7), MAX_SEED])
def test_seeds(seed):
    """A seed that every simulator takes would be refused."""
    require_seed("device", seed)


@pytest.mark.parametrize("seed", ["x", -1, 1.0, True, MAX_SEED + 1, [1, 2]])
def test_seeds_that_are_none(seed):
    """Numpy or Aer would complain in terms of their own."""
    with pytest.raises(ValueError, match=r"device: seed must be an integer"):
        require_seed("device", seed)


@pytest.mark.parametrize("max_time", [None, 1, 3600, "1h 30m", "45m", "10s", "1h 2m 3s", "5M"])
def test_times(max_time):
    """A time that IBM's client takes would be refused."""
    require_max_time(max_time)


@pytest.mark.parametrize("max_time", [0, -5, 2.5, False, "", " ", "h", "5", "30m 1h", "-1h"])
def test_times_that_are_none(max_time):
    """A session would be refused on the machine only."""
    with pytest.raises(ValueError, match=r"max_time must be a positive whole number"):
        require_max_time(max_time)


def test_layouts_of_numpy(plain_backend):
    """Qiskit's transpiler takes lists of plain integers only."""
    layout = require_layout("device", np.array([2, 0]), Wires(["a", "b"]), plain_backend())
    assert layout == [2, 0]
    assert {type(qubit) for qubit in layout} == {int}


@pytest.mark.parametrize(("layout", "fault"), [([0, 3], "has 3"), ([-1, 0], "has -1")])
def test_layouts_outside(plain_backend, layout, fault):
    """The transpiler would speak of ancillas."""
    with pytest.raises(ValueError, match=rf"{fault}, which is no qubit of plain: these are 0 to 2"):
        require_layout("device", layout, Wires([0, 1]), plain_backend())


def test_sizes(plain_backend):
    """A device would be refused that fits, or whose backend is not known."""
    require_qubits("device", Wires(range(3)), plain_backend())
    require_qubits("device", None, plain_backend())
    require_qubits("device", Wires(range(99)), None)
    with pytest.raises(ValueError, match=r"plain has 3 qubits, fewer than the 4 wires"):
        require_qubits("device", Wires(range(4)), plain_backend())
