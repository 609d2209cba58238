"""Comparing numbers and tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def assert_close(found: Any, expected: Any, atol: float) -> None:
    """Assert equality within an absolute tolerance; tensors may carry a graph."""
    found, expected = (
        x.detach().resolve_conj().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
        for x in (found, expected)
    )
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
