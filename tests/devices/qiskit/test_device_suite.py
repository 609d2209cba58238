"""PennyLane's own test suite for devices on Aer, with shots."""

from __future__ import annotations

from helpers.device_suite import passed_in_device_suite

OTHER_PLUGIN = 316
"""How many tests pass on ``qiskit.aer``, the device of PennyLane's own plugin."""


def test_passes():
    """The device would break the contract between PennyLane and its devices."""
    options = ("--device-kwargs", "backend=aer")
    assert passed_in_device_suite("qizgloria.qiskit", 20_000, *options) > OTHER_PLUGIN
