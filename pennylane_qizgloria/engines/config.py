"""What holds for all circuits of a call."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..lowering.context import Readout
from ..pauli.state.sample import Uniform


@dataclass(frozen=True)
class SimulationConfig:
    """How circuits are simulated.

    Args:
        dtype: real dtype of the simulation.
        confusion: the readout error, if any.
        random: where shots come from.
        as_torch: whether results are torch tensors even where no parameter is one.
        memory_budget: how many bytes of states a reverse pass may keep; None for a share of what
            is free.
        method: the name of the engine; ``"auto"`` for the first one with
            derivatives that supports a circuit.
    """

    dtype: torch.dtype
    confusion: Readout | None
    random: Uniform
    as_torch: bool
    memory_budget: int | None = None
    method: str = "auto"
