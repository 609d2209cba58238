"""Delays: a wire waits, as a qubit of a backend does.

The state stays as it is. What happens to a qubit while it waits is noise, which whoever runs the
circuit adds: a backend, or a twin of one.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import pennylane as qml
from pennylane.operation import Operation, Operator
from pennylane.wires import WiresLike

UNITS = ("s", "ms", "us", "ns", "ps", "dt")
"""Units of a duration: seconds and parts of them, and the time step of a backend."""


class Delay(Operation):
    """A wire waits for some time.

    Nothing happens to it in ideal simulation. On `qizgloria.qiskit` it is Qiskit's ``Delay``, and a
    twin of a backend (``noise_model=``) lets the qubit relax. Its adjoint is as long a delay. Under
    controls it is left out: no qubit waits or not as another one says. `qml.compile` leaves it out,
    too, unless its ``basis_set`` has ``"Delay"``.

    Args:
        duration (float): how long; a whole number in units of dt.
        unit (str): ``"s"``, ``"ms"``, ``"us"``, ``"ns"``, ``"ps"``, or ``"dt"`` for the time step
            of the backend.
        wires: the wire.

    Raises:
        TypeError: if the duration is not a real number.
        ValueError: if it is negative or not finite, not whole in units of dt, or if there is no
            such unit.

    >>> from pennylane_qizgloria import Delay
    >>> Delay(100, "ns", wires=0)
    Delay(100.0, 'ns', wires=[0])
    """

    num_wires = 1
    num_params = 0
    resource_keys = frozenset({"duration", "unit"})

    def __init__(
        self, duration: Any, unit: str = "dt", wires: WiresLike = None, id: str | None = None
    ) -> None:
        self.hyperparameters["duration"] = _duration(duration, unit)
        self.hyperparameters["unit"] = unit
        super().__init__(wires=wires, id=id)

    @property
    def resource_params(self) -> dict[str, Any]:
        """What tells delays apart in PennyLane's graph of decompositions."""
        return dict(self.hyperparameters)

    def __repr__(self) -> str:
        duration, unit = self.hyperparameters["duration"], self.hyperparameters["unit"]
        return f"Delay({duration}, {unit!r}, wires={self.wires.tolist()})"

    @staticmethod
    def compute_decomposition(
        wires: WiresLike = None, duration: Any = None, unit: str = "dt"
    ) -> list[Operator]:
        """No gates."""
        return []

    def label(
        self, decimals: int | None = None, base_label: str | None = None, cache: Any = None
    ) -> str:
        """What drawings of circuits show."""
        duration, unit = self.hyperparameters["duration"], self.hyperparameters["unit"]
        return base_label or f"Delay({duration:g}{unit})"

    def adjoint(self) -> Delay:
        """As long a delay."""
        return Delay(**self.hyperparameters, wires=self.wires)


def _duration(duration: Any, unit: Any) -> int | float:
    if unit not in UNITS:
        raise ValueError(f"Delay: unit must be one of {', '.join(map(repr, UNITS))}, got {unit!r}.")
    if not isinstance(duration, Real) or isinstance(duration, bool):
        raise TypeError(f"Delay: duration must be a number, got {duration!r}.")
    value = float(duration)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"Delay: duration must be finite and at least 0, got {duration!r}.")
    if unit != "dt":
        return value
    if not value.is_integer():
        raise ValueError(f"Delay: duration must be whole in units of dt, got {duration!r}.")
    return int(value)


@qml.register_resources({})
def _no_gates(wires: WiresLike, **_: Any) -> None:
    """The decomposition for PennyLane's graph of decompositions."""


qml.add_decomps(Delay, _no_gates)
