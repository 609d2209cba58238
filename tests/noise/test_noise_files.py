"""Files of fitted noise that are damaged, or of something else."""

import json
import re
import warnings

import numpy as np
import pytest
import torch
from qiskit_aer.noise import NoiseModel, depolarizing_error

from pennylane_qizgloria.noise.fitted import FittedNoise
from pennylane_qizgloria.noise.noise_files import FORMAT, load_noise, save_noise
from pennylane_qizgloria.noise.sources import noise_of

CX = {"instruction": "cx", "qubits": [0, 1], "strength": 1.5}
PAIR = {"qubit": 0, "p(1|0)": 0.1, "p(0|1)": 0.2}
RIGHT = {"format": FORMAT, "of": "fake_manila", "strengths": [CX], "readout": [PAIR]}


@pytest.fixture(scope="module")
def base():
    return noise_of("fake_manila")


def without(entry, key):
    return {name: value for name, value in entry.items() if name != key}


def load(tmp_path, content, base):
    path = tmp_path / "own.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return load_noise(path, base)


def test_a_file_that_is_right(tmp_path, base):
    """What the cases below change can be read as it is."""
    noise = load(tmp_path, RIGHT, base)
    assert noise.strengths == {("cx", (0, 1)): 1.5}
    assert noise.readouts == {0: (0.1, 0.2)}


@pytest.mark.parametrize("key", ["of", "strengths", "readout"])
def test_a_part_that_is_missing(tmp_path, base, key):
    """A part that the file lacks is named."""
    with pytest.raises(ValueError, match=rf"own\.json is damaged: it has no '{key}'"):
        load(tmp_path, without(RIGHT, key), base)


@pytest.mark.parametrize("key", CX)
def test_a_strength_without_a_key(tmp_path, base, key):
    """A key that an entry lacks is named with the entry."""
    with pytest.raises(ValueError, match=rf"own\.json is damaged: .*has no '{key}'") as raised:
        load(tmp_path, {**RIGHT, "strengths": [without(CX, key)]}, base)
    assert str(without(CX, key)) in str(raised.value)


@pytest.mark.parametrize("key", PAIR)
def test_a_readout_error_without_a_key(tmp_path, base, key):
    """The same of readout errors."""
    with pytest.raises(ValueError, match=rf"own\.json is damaged: .*has no {re.escape(repr(key))}"):
        load(tmp_path, {**RIGHT, "readout": [without(PAIR, key)]}, base)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strengths": {"cx": 1}}, "'strengths' is no list"),
        ({"readout": None}, "'readout' is no list"),
        ({"strengths": ["cx"]}, "entry 'cx' is no object"),
        ({"strengths": [{**CX, "qubits": 3}]}, "the qubits of .* are no list of numbers"),
        ({"strengths": [{**CX, "qubits": "01"}]}, "the qubits of .* are no list of numbers"),
        ({"strengths": [{**CX, "qubits": [[0], 1]}]}, "the qubits of .* are no list of numbers"),
        ({"strengths": [{**CX, "instruction": ["cx"]}]}, "the instruction of .* is no name"),
        ({"strengths": [{**CX, "instruction": "cz"}]}, r"fake_manila has no noise of cz\(0, 1\)"),
        ({"strengths": [{**CX, "qubits": [0, 9]}]}, r"fake_manila has no noise of cx\(0, 9\)"),
        ({"strengths": [CX, CX]}, r"it has \('cx', \(0, 1\)\) twice"),
        ({"strengths": [{**CX, "strength": "1"}]}, "must be a number"),
        ({"strengths": [{**CX, "strength": None}]}, "must be a number"),
        ({"strengths": [{**CX, "strength": -1}]}, r"strength of cx\(0, 1\) is -1"),
        ({"strengths": [{**CX, "strength": float("nan")}]}, r"strength of cx\(0, 1\) is nan"),
        ({"strengths": [{**CX, "strength": 10**400}]}, r"strength of cx\(0, 1\) is 1000"),
        ({"readout": [{**PAIR, "qubit": 5}]}, "fake_manila has no qubit 5"),
        ({"readout": [{**PAIR, "qubit": 0.5}]}, "the qubit of .* is no number"),
        ({"readout": [{**PAIR, "qubit": [0]}]}, "the qubit of .* is no number"),
        ({"readout": [{**PAIR, "p(1|0)": 1.5}]}, r"p\(1\|0\) of qubit 0 is 1\.5"),
        ({"readout": [{**PAIR, "p(0|1)": "much"}]}, r"p\(0\|1\) of qubit 0 must be a number"),
        ({"readout": [PAIR, PAIR]}, "it has 0 twice"),
    ],
)
def test_content_that_does_not_fit(tmp_path, base, change, message):
    """What is wrong in a file is said with its name."""
    with pytest.raises(ValueError, match=rf"own\.json .*{message}"):
        load(tmp_path, {**RIGHT, **change}, base)


@pytest.mark.parametrize("number", [2, "x"])
def test_another_version(tmp_path, base, number):
    """A file of another version is said to be of that one."""
    own = FORMAT.replace("1", str(number))
    with pytest.raises(ValueError, match=rf"own\.json .*is {own!r}; .* reads {FORMAT!r}"):
        load(tmp_path, {**RIGHT, "format": own}, base)


def test_no_file(tmp_path, base):
    """A file that there is not is Python's error."""
    with pytest.raises(FileNotFoundError):
        load_noise(tmp_path / "nowhere.json", base)


def test_what_can_be_saved(tmp_path, base):
    """Numpy's numbers are written as others; tensors are refused, and what to give is said."""
    path = tmp_path / "own.json"
    strengths = {("cx", (np.int64(0), np.int64(1))): np.float32(0.5)}
    save_noise(FittedNoise(base, strengths, {np.int64(0): (0, 1)}), path)
    assert load_noise(path, base).strengths == {("cx", (0, 1)): 0.5}
    trained = FittedNoise(base, {("cx", (0, 1)): torch.tensor(2.0)}, {})
    with pytest.raises(TypeError, match=r"writes numbers, .* tensors"):
        save_noise(trained, path)


def test_errors_that_have_changed(tmp_path):
    """Strengths that multiply other errors than they were fitted to are named in a warning."""

    def noise(probability):
        model = NoiseModel()
        model.add_all_qubit_quantum_error(depolarizing_error(probability, 1), ["x"])
        return noise_of(model)

    save_noise(FittedNoise(noise(0.1), {("x", (0,)): 1.5}, {}), tmp_path / "own.json")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_noise(tmp_path / "own.json", noise(0.1))
    with pytest.warns(UserWarning, match=r"own\.json: the strengths of x\(0\) were fitted"):
        load_noise(tmp_path / "own.json", noise(0.3))
