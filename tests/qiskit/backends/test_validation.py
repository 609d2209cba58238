"""Options that are refused before Qiskit sees them."""

import numpy as np
import pytest
from pennylane.wires import Wires
from qiskit.transpiler import PassManager
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from pennylane_qizgloria.qiskit.backends.validation import (
    MAX_SEED,
    require_layout,
    require_max_time,
    require_preset,
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


OPTIONS = {
    "optimization_level": 0,
    "seed_transpiler": 1,
    "scheduling_method": "alap",
    "compile_backend": FakeManilaV2(),
}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(
    ("passes", "message"),
    [(PassManager(), "pass_manager compiles in their place"), (None, "nothing to compile for")],
    ids=["pass manager", "no backend"],
)
def test_options_of_the_preset_without_it(option, passes, message):
    """An option of Qiskit's preset passes is refused by name where they do not compile."""
    given = {**dict.fromkeys(OPTIONS), "pass_manager": passes, option: OPTIONS[option]}
    with pytest.raises(ValueError, match=rf"device: {option}=.* has no effect: .*{message}"):
        require_preset("device", given, None)


def test_options_of_the_preset(plain_backend):
    """They are taken where the preset compiles, and may be left open everywhere."""
    require_preset("device", {**OPTIONS, "pass_manager": None}, plain_backend())
    for passes in (None, PassManager()):
        require_preset("device", {**dict.fromkeys(OPTIONS), "pass_manager": passes}, None)


def test_sizes(plain_backend):
    """A device would be refused that fits, or whose backend is not known."""
    require_qubits("device", Wires(range(3)), plain_backend())
    require_qubits("device", None, plain_backend())
    require_qubits("device", Wires(range(99)), None)
    with pytest.raises(ValueError, match=r"plain has 3 qubits, fewer than the 4 wires"):
        require_qubits("device", Wires(range(4)), plain_backend())
