"""What holds for all circuits of a call."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch

from pennylane_qizgloria.engines.config import SimulationConfig

CONFIG = SimulationConfig(torch.float64, None, np.random.default_rng(0), as_torch=False)


def test_defaults():
    """Unless said otherwise the memory is a share of what is free, and any engine may run."""
    assert CONFIG.memory_budget is None
    assert CONFIG.method == "auto"


def test_configurations_do_not_change():
    """A configuration is replaced, never changed, so that calls do not affect one another."""
    with pytest.raises(FrozenInstanceError):
        CONFIG.method = "exact"
    other = replace(CONFIG, as_torch=True)
    assert other.as_torch
    assert not CONFIG.as_torch
    assert other.random is CONFIG.random
