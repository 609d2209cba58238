"""PennyLane's own test suite for devices on Aer, with shots."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pennylane as qml

SUITE = Path(qml.__file__).parent / "devices" / "tests"


def test_passes(tmp_path):
    """The device would break the contract between PennyLane and its devices."""
    # The module path, because the console script pl-device-test finds pytest by its name in PATH.
    command = [sys.executable, "-m", "pytest", str(SUITE), "-q", "--tb=short", "-p"]
    command += ["no:cacheprovider", "-p", "no:xdist", "--device=qizgloria.qiskit"]
    command += ["--shots=20000", "--device-kwargs", "backend=aer", "--skip-ops"]
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
    # PennyLane's own plugin for Qiskit passes 316.
    assert summary.get("passed", 0) > 316, output
    assert done.returncode == 0, output
