"""Where and how a module runs its circuit: the device, shots and differentiation of its QNode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from inspect import signature
from typing import Any

import pennylane as qml
from pennylane.devices import Device
from pennylane.measurements import Shots
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


_OUR_DEVICES = ("qizgloria.mixed", "qizgloria.qiskit")


@dataclass(frozen=True)
class Execution:
    """What a QNode needs besides its function.

    Args:
        device: that runs it.
        is_shared: whether copies of a module run on this very device, as on one that the user made;
            otherwise they get a copy of it.
        shots: for each circuit; None for exact results.
        diff_method: as for a QNode.
        gradient_kwargs: options of the method.
        max_diff: the highest order of derivatives, for methods that run more circuits.

    Raises:
        ValueError: if there are several numbers of shots, or the order is not a positive integer.
    """

    device: Device
    is_shared: bool
    shots: Any = None
    diff_method: Any = "best"
    gradient_kwargs: dict[str, Any] = field(default_factory=dict)
    max_diff: Any = 1

    def __post_init__(self) -> None:
        if Shots(self.shots).has_partitioned_shots:
            raise ValueError(
                f"The shots of a circuit's module are one number for each circuit, got "
                f"{self.shots!r}. Call the module several times, or take a QNode."
            )
        if isinstance(self.max_diff, bool) or self.max_diff not in range(1, 100):
            raise ValueError(
                f"max_diff is the order of derivatives, 1 or more; got {self.max_diff!r}."
            )

    def __deepcopy__(self, memo: Any) -> Execution:
        return self if self.is_shared else replace(self, device=deepcopy(self.device, memo))

    def qnode(self, function: Callable, example: tuple[Tensor, ...]) -> QNode:
        """A QNode for torch tensors whose arguments may have a batch axis.

        Args:
            function: the quantum function.
            example: arguments without a batch axis.
        """
        qnode = QNode(
            function,
            self.device,
            interface="torch",
            diff_method=self.diff_method,
            gradient_kwargs=self.gradient_kwargs,
            max_diff=self.max_diff,
            # Circuits that are equal have shots of their own.
            cache="auto" if self.shots is None else False,
        )
        if self.shots is not None:
            qnode = qml.set_shots(qnode, shots=self.shots)
        return qnode if _broadcasts(qnode, example) else qml.transforms.broadcast_expand(qnode)


def execution_on(
    quantum_device: Any,
    device_options: Any,
    wires: int | None,
    shots: Any,
    diff_method: Any,
    gradient_kwargs: Any,
    max_diff: Any,
) -> Execution:
    """How a circuit runs on a device, from what a user gives.

    Args:
        quantum_device: a device, or the name of one.
        device_options: keyword arguments for a device given by its name.
        wires: the number of wires of such a device.
        shots: for each circuit; None for exact results.
        diff_method: as for a QNode.
        gradient_kwargs: options of the method.
        max_diff: the highest order of derivatives, for methods that run more circuits.

    Raises:
        TypeError: if the options are no mappings.
        ValueError: if there is no such device.
    """
    options = mapping(device_options, "device_options={'seed': 1}")
    return Execution(
        make_device(quantum_device, options, wires, diff_method),
        isinstance(quantum_device, Device),
        shots,
        diff_method,
        mapping(gradient_kwargs, "gradient_kwargs={'h': 0.01}"),
        max_diff,
    )


def mapping(given: Any, example: str) -> dict[str, Any]:
    """Options from their names to values; None for none.

    Raises:
        TypeError: if something else is given; it shows the example.
    """
    if not isinstance(given, Mapping | None):
        name = example.partition("=")[0]
        raise TypeError(f"{name} maps names to values, such as {example}; got {given!r}.")
    return dict(given or {})


def make_device(
    device: Any, options: Mapping[str, Any], wires: int | None, diff_method: Any
) -> Device:
    """The device that a user means.

    Args:
        device: a device, or the name of one.
        options: keyword arguments for a device given by its name.
        wires: how many the circuit needs, unless the options say otherwise; None if not known.
        diff_method: as for a QNode.

    Raises:
        TypeError: if an option has a name that the device does not know but nearly knows, or what
            is given is no device.
        ValueError: if there are options for a device that was made already.
    """
    if isinstance(device, Device):
        if options:
            raise ValueError(
                f"device_options={options} are for a device that is given by its name, not for "
                f"{device}, which was made already."
            )
        return device
    if not isinstance(device, str):
        raise TypeError(
            f"device must be a PennyLane device or the name of one, got {device!r}. Where the "
            "weights are, torch's .to(...) says."
        )
    # Hadamard tests need a wire more.
    fixed = {"wires": wires} if wires is not None and diff_method != "hadamard" else {}
    try:
        return qml.device(device, **{**fixed, **options})
    except (TypeError, ValueError) as error:
        meant = _misspelt(device, options)
        if meant is None:
            raise
        raise TypeError(f"device_options of {device!r}: {meant}") from error


def _misspelt(device: str, options: Mapping[str, Any]) -> str | None:
    """A sentence on the first option that a device does not have, if it is clear what is meant."""
    own = _options_of(device)
    for name in options:
        if name in own:
            continue
        near = get_close_matches(name, own, n=1, cutoff=0.7)
        if near:
            return f"there is no option {name!r}. Did you mean {near[0]!r}?"
        others = [other for other in _OUR_DEVICES if name in _options_of(other)]
        if others:
            return f"there is no option {name!r}; it is one of device={others[0]!r}."
    return None


def _options_of(device: str) -> list[str]:
    return list(signature(qml.plugin_devices[device].load()).parameters)


def is_first_order(qnode: QNode, example: tuple[Tensor, ...]) -> bool:
    """Whether a QNode's derivatives cannot be differentiated again."""
    if _method(qnode, example) == "backprop":
        return False
    # What devices compute themselves is of first order; "best" then takes another method.
    own = qnode.diff_method in ("device", "adjoint")
    return own or qnode.execute_kwargs["max_diff"] == 1


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
    devices compute cannot take them together with parameters without the axis. The devices of
    this package compute first derivatives by shifts of whole batches.
    """
    method = _method(qnode, example)
    first_order = qnode.execute_kwargs["max_diff"] == 1 and not qnode.gradient_kwargs
    own = qnode.device.name in ("qizgloria.mixed", "qizgloria.qiskit") and first_order
    return method == "backprop" or (method == "parameter-shift" and own)
