"""What measurements need to know besides the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pennylane.measurements import MeasurementProcess

from ..pauli.state.readout import Readout
from .operations.operations import Precision


@dataclass(frozen=True)
class Setting:
    """The wires, the readout error and the precision of a tape.

    Args:
        place: the integer wire of each wire label, in the order of the tape's or device's wires.
        readout: the confusion matrices by integer wire.
        precision: dtype and torch device.
    """

    place: Mapping[Any, int]
    readout: Readout
    precision: Precision

    def wires(self, process: MeasurementProcess) -> list[int]:
        """The integer wires of a measurement; all of them where it names none."""
        if not process.wires and process.obs is None:
            return list(self.place.values())
        return [self.place[wire] for wire in process.wires]
