"""PennyLane's own tests of devices."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pennylane as qml

SUITE = Path(qml.__file__).parent / "devices" / "tests"
TESTS = Path(__file__).parents[1]


def passed_in_device_suite(device, shots, *arguments):
    """Run PennyLane's suite for devices; the number of tests that passed.

    None may fail. Tests of operations that a device does not support are skipped.
    """
    # The module path, because the script pl-device-test finds pytest by its name in PATH.
    command = [sys.executable, "-m", "pytest", str(SUITE), "-q", "--tb=short"]
    command += ["-p", "no:cacheprovider", "-p", "no:xdist", f"--device={device}"]
    command += [f"--shots={shots}", *arguments, "--skip-ops"]
    # A pytest of its own: nothing of the outer one's settings belongs in it.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    paths = [str(TESTS), *environment.get("PYTHONPATH", "").split(os.pathsep)]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    output = done.stdout[-6000:] + done.stderr[-2000:]
    last_line = (done.stdout.strip().splitlines() or [""])[-1]
    counts = re.findall(r"(\d+) (passed|failed|errors?)", last_line)
    summary = {outcome: int(number) for number, outcome in counts}
    assert not {"failed", "error", "errors"} & summary.keys(), output
    assert done.returncode == 0, output
    return summary.get("passed", 0)
