"""PennyLane's own test suite for devices, which every plugin is expected to pass."""

from __future__ import annotations

import pytest
from helpers.device_suite import passed_in_device_suite


@pytest.mark.parametrize(("shots", "least"), [(None, 396), (20_000, 375)])
def test_passes(shots, least):
    """The device passes PennyLane's device test suite."""
    assert passed_in_device_suite("qizgloria.mixed", shots) >= least
