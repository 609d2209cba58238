"""Configurations of derivatives by shifts, see `shift_derivatives`.

* ``parameter-shift``, and with shots ``best`` and ``device``: the rules of
  `lowering.operations.shift_rules`. First derivatives are the devices' own; PennyLane takes higher
  ones by the transforms of `shift_transforms`.
* ``finite-diff`` with shots: differences whose step fits their number, in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from pennylane.devices import ExecutionConfig
from pennylane.exceptions import QuantumFunctionError
from pennylane.gradients import finite_diff, param_shift, spsa_grad
from pennylane.math import Interface
from pennylane.operation import Channel
from pennylane.tape import QuantumScript
from pennylane.transforms.core import Transform

from ...lowering.operations.shift_rules import (
    Rule,
    difference_terms,
    has_rule,
    shift_terms,
    step_for,
)
from ...user_warnings import warn
from ..interfaces.bridge import BRIDGED
from . import shift_transforms
from .checked_transforms import checked

BY_SHIFTS_WITH_SHOTS = {None, "best", "device"}
"""Names of the derivative by shifts where there are shots."""

ANALYTIC = {"backprop", "adjoint"}
"""Derivatives of exact results, for which there are no shots."""

JAX = {Interface.JAX, Interface.JAX_JIT}
"""Interfaces that can do without the device's products, and without which some of JAX's own
transformations do not work."""


def shifts_with_shots(config: ExecutionConfig | None) -> bool:
    """Whether a device takes the derivatives of a configuration by shifts if there are shots."""
    if config is None:
        return True
    return config.gradient_method in BY_SHIFTS_WITH_SHOTS and config.derivative_order == 1


def rule_of(config: ExecutionConfig | None, circuits: Sequence[QuantumScript]) -> Rule | None:
    """The rule by which the device takes first derivatives; None for its reverse pass."""
    method = None if config is None else config.gradient_method
    has_shots = any(circuit.shots for circuit in circuits)
    if method is param_shift:
        return shift_terms
    if method is finite_diff:
        return difference_terms
    return shift_terms if has_shots and method in BY_SHIFTS_WITH_SHOTS else None


def updates(
    config: ExecutionConfig, circuit: QuantumScript | None, device: str, has_reverse_pass: bool
) -> dict[str, Any]:
    """What a configuration is to say if its derivatives are by shifts or differences.

    Where the user gives options for PennyLane's transforms, these take the derivatives.

    Args:
        config: the configuration.
        circuit: what it is for, with its shots.
        device: the device's name, for warnings.
        has_reverse_pass: whether the device has another derivative where there are no shots.
    """
    method, options = config.gradient_method, dict(config.gradient_keyword_arguments)
    shots = circuit is not None and bool(circuit.shots)
    if method in {"best", "device"} and (shots or not has_reverse_pass):
        method = param_shift
    if method is param_shift:
        inexact = _warn_of_differences(circuit, device, by_pennylane=bool(options))
        if options and shots and inexact:
            fitting = partial(finite_diff, h=_step(circuit), approx_order=2, strategy="center")
            options = {"fallback_fn": fitting, **options}
    elif shots and method in {finite_diff, spsa_grad} and "h" not in options:
        _warn_of_step(circuit, device)
        if options or method is spsa_grad:
            options["h"] = _step(circuit)
    elif isinstance(method, Transform):
        return {"gradient_method": checked(method)}
    else:
        return {}
    if options:
        own = checked(method)
        return {"gradient_method": own, "gradient_keyword_arguments": options}
    if config.derivative_order > 1:
        _require_weights(config, circuit, device)
        return {"gradient_method": shift_transforms.ITERATED[method]}
    return {"gradient_method": method, **_own_products(config)}


def _own_products(config: ExecutionConfig) -> dict[str, Any]:
    """That the device is to compute derivatives, and products if that serves the interface."""
    # PennyLane multiplies Jacobians by cotangents only where all parameters are numbers, and
    # torch's only where results are real. JAX in turn cannot batch calls for a product.
    if config.use_device_jacobian_product is None or Interface(config.interface) not in JAX:
        return {"use_device_gradient": True, "use_device_jacobian_product": True}
    return {"use_device_gradient": True}


def _require_weights(config: ExecutionConfig, circuit: QuantumScript | None, device: str) -> None:
    """Refuse third derivatives by strengths that rules depend on, in other interfaces than torch.

    Raises:
        NotImplementedError: naming the operation.
    """
    traced = Interface(config.interface) in BRIDGED
    if circuit is None or not traced or config.derivative_order < 3:
        return
    for op in (circuit.par_info[index]["op"] for index in circuit.trainable_params):
        if isinstance(op, Channel) and op.grad_method == "F":
            raise NotImplementedError(
                f"{device}: max_diff={config.derivative_order} by parameter shifts is not provided "
                f"for the strength of {op.name} with this interface; interface='torch' has it."
            )


def _step(circuit: QuantumScript) -> float:
    """The step of differences of a circuit's results that fits the number of shots."""
    return step_for((circuit.shots.num_copies / circuit.shots.total_shots) ** 0.5)


def _warn_of_differences(
    circuit: QuantumScript | None, device: str, by_pennylane: bool
) -> list[str]:
    """Say which operations have no shift rule.

    Args:
        circuit: the circuit, if it is known.
        device: the device's name.
        by_pennylane: whether the rules are PennyLane's, not those of `shift_rules`.
    """
    infos = [] if circuit is None else [circuit.par_info[i] for i in circuit.trainable_params]
    inexact = sorted(
        {
            info["op"].name
            for info in infos
            if getattr(info["op"], "grad_method", None) == "F"
            and (by_pennylane or not has_rule(info["op"], info["p_idx"]))
        }
    )
    if inexact:
        cause = " with the options that are given" if by_pennylane else ""
        warn(
            f"{device}: {', '.join(inexact)} has no parameter-shift rule{cause}, so finite "
            "differences are taken there, which are not exact. Without shots, "
            "diff_method='backprop' or 'device' is."
        )
    return inexact


def _warn_of_step(circuit: QuantumScript, device: str) -> None:
    """Say which step differences take where the user does not."""
    warn(
        f"{device}: with {circuit.shots.total_shots} shots finite differences take a step of "
        f"{_step(circuit):.2g}; gradient_kwargs={{'h': ...}} sets another one. They are not exact; "
        "diff_method='parameter-shift' is."
    )


def require_exact(
    config: ExecutionConfig | None, circuit: QuantumScript | None, device: str
) -> None:
    """Refuse methods for exact results where there are shots.

    Raises:
        QuantumFunctionError: naming the methods that there are.
    """
    method = None if config is None else config.gradient_method
    if method in ANALYTIC and circuit is not None and circuit.shots:
        raise QuantumFunctionError(
            f"{device}: diff_method={method!r} differentiates exact results, and the circuit has "
            f"{circuit.shots.total_shots} shots. Take them away with qml.set_shots(None), or take "
            "diff_method='best' or 'parameter-shift' (exact rules), 'finite-diff', 'spsa' or "
            "'hadamard', which work with shots."
        )


def require_shifts(config: ExecutionConfig | None, device: str) -> None:
    """Refuse methods for a simulator's own states on a device that has none.

    Raises:
        QuantumFunctionError: naming the methods that there are.
    """
    method = None if config is None else config.gradient_method
    if method in ANALYTIC:
        raise QuantumFunctionError(
            f"{device}: diff_method={method!r} differentiates a simulator from inside, and "
            "Qiskit's backends only return results. Take diff_method='best', 'device' or "
            "'parameter-shift' (exact rules), 'finite-diff', 'spsa' or 'hadamard'; or the device "
            f"qizgloria.mixed, which has {method!r}."
        )
