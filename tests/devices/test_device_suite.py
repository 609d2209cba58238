"""PennyLane's own test suite for devices, which every plugin is expected to pass."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pennylane as qml
import pytest

SUITE = Path(qml.__file__).parent / "devices" / "tests"


@pytest.mark.parametrize(("shots", "least"), [("None", 396), ("20000", 375)])
def test_passes(shots, least, tmp_path):
    """The device would break the contract between PennyLane and its devices."""
    # The module path, because the console script pl-device-test finds pytest by its name in PATH.
    command = [sys.executable, "-m", "pytest", str(SUITE), "-q", "--tb=short", "-p"]
    command += ["no:cacheprovider", "-p", "no:xdist", "--device=qizgloria.mixed"]
    command += [f"--shots={shots}", "--skip-ops"]
    # A pytest of its own: nothing of the outer one's settings belongs in it.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    output = done.stdout[-6000:] + done.stderr[-2000:]
    last_line = done.stdout.strip().splitlines()[-1]
    counts = re.findall(r"(\d+) (passed|failed|errors?)", last_line)
    summary = {outcome: int(number) for number, outcome in counts}
    assert summary.get("failed", 0) == 0, output
    assert not {"error", "errors"} & summary.keys(), output
    assert summary.get("passed", 0) >= least, output
    assert done.returncode == 0, output
