"""Where and how a module runs its circuit: the device, shots and differentiation of its QNode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pennylane as qml
from pennylane.devices import Device
from pennylane.transforms.core import Transform
from pennylane.workflow import QNode
from torch import Tensor

GRADIENT_TRANSFORMS = {
    "parameter-shift": qml.gradients.param_shift,
    "finite-diff": qml.gradients.finite_diff,
    "spsa": qml.gradients.spsa_grad,
    "hadamard": qml.gradients.hadamard_grad,
}
"""The methods of differentiation that run more circuits."""


@dataclass(frozen=True)
class Execution:
    """What a QNode needs besides its function.

    Args:
        device: the name of a device, or a device.
        options: keyword arguments for a device given by its name.
        shots: for each circuit; None for exact results.
        diff_method: as for a QNode.
        gradient_kwargs: options of the method.
    """

    device: str | Device
    options: dict[str, Any]
    shots: Any
    diff_method: Any
    gradient_kwargs: dict[str, Any]

    def __deepcopy__(self, memo: Any) -> Execution:
        # A device may be a connection to a machine, which a copy of a module keeps using.
        return self

    @property
    def device_name(self) -> str:
        """The name of the device."""
        return self.device if isinstance(self.device, str) else str(self.device.name)

    def qnode(self, function: Callable, wires: int | None, example: tuple[Tensor, ...]) -> QNode:
        """A QNode for torch tensors whose arguments may have a batch axis.

        Args:
            function: the quantum function.
            wires: for a device given by its name, unless the options say otherwise.
            example: arguments without a batch axis.

        Raises:
            ValueError: if there are options for a device that was made already.
        """
        if isinstance(self.device, str):
            # Hadamard tests need a wire more.
            fixed = wires is not None and self.diff_method != "hadamard"
            given = {"wires": wires} if fixed else {}
            device = qml.device(self.device, **{**given, **self.options})
        elif self.options:
            raise ValueError(
                f"device_options={self.options} are for a device that is given by its name, not "
                f"for {self.device}, which was made already."
            )
        else:
            device = self.device
        qnode = QNode(
            function,
            device,
            interface="torch",
            diff_method=self.diff_method,
            gradient_kwargs=self.gradient_kwargs,
        )
        if self.shots is not None:
            qnode = qml.set_shots(qnode, shots=self.shots)
        return qnode if _broadcasts(qnode, example) else qml.transforms.broadcast_expand(qnode)


def gradient_transform(qnode: QNode, example: tuple[Tensor, ...]) -> Transform | None:
    """The transform that differentiates a QNode, or None where none does."""
    method = _method(qnode, example)
    return method if isinstance(method, Transform) else GRADIENT_TRANSFORMS.get(method)


def _method(qnode: QNode, example: tuple[Tensor, ...]) -> Any:
    if qnode.diff_method != "best":
        return qnode.diff_method
    return qml.workflow.get_best_diff_method(qnode)(*example)


def _broadcasts(qnode: QNode, example: tuple[Tensor, ...]) -> bool:
    """Whether a QNode may be given parameters with a batch axis, of which some are trainable.

    Gradient transforms refuse these, and PennyLane's bridge from torch to the derivatives that
    devices compute cannot take them together with parameters without the axis.
    """
    return _method(qnode, example) == "backprop"
