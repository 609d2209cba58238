"""The stages of a QNode's call, by the functions that the device runs it with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pennylane as qml
from pennylane.devices import ExecutionConfig
from torch import Tensor

from ...engines.config import SimulationConfig
from ...engines.simulation import exact_results
from ...lowering.circuit import LoweredCircuit, lower
from ...pauli.program.final_state import FinalState
from .graph.trace import UntraceableError


@dataclass(frozen=True, eq=False)
class Stages:
    """A QNode in stages.

    Args:
        qnode: the QNode.
        config: of its execution.
        results: results of the QNode's, for their structure.
    """

    qnode: Any
    config: ExecutionConfig
    results: Any

    @property
    def simulation_config(self) -> SimulationConfig:
        """How it is simulated, tensors such as a trainable readout error among it."""
        return self.qnode.device.simulation_config(self.config)

    def lowered(self, **keywords: Tensor) -> LoweredCircuit:
        """Its one tape, lowered."""
        tapes, _ = qml.workflow.construct_batch(self.qnode, level="device")(**keywords)
        if len(tapes) != 1:
            raise UntraceableError(f"a transform turns it into {len(tapes)} circuits")
        config = self.simulation_config
        return lower(tapes[0], config.dtype, config.confusion)

    def measured(self, own: LoweredCircuit, state: FinalState) -> Any:
        """The results that a final state has."""
        return self.structured(exact_results(own, state))

    def structured(self, exact: Sequence[Tensor]) -> Any:
        """Results of measurements as the QNode returns them."""
        leaves, structure = qml.pytrees.flatten(self.results)
        if len(leaves) != len(exact):
            raise UntraceableError("its results are not those of its measurements")
        return qml.pytrees.unflatten(list(exact), structure)
