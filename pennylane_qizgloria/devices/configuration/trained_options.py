"""Options of a device that are to be trained, and what trains them."""

from __future__ import annotations

from collections.abc import Callable

from pennylane.devices import ExecutionConfig

from ...user_warnings import warn


def trains_options(config: ExecutionConfig) -> bool:
    """Whether results are differentiated by what the device was made with, too."""
    return config.gradient_method in (None, "backprop")


def warn_if_untrained(
    config: ExecutionConfig, requires_grad: Callable[[], bool], option: str, device: str
) -> None:
    """Say where an option of the device that is to be trained gets no gradient, or part of one.

    Args:
        config: how a circuit is differentiated.
        requires_grad: whether the option is to be trained.
        option: its name.
        device: the device's name.
    """
    method = config.gradient_method
    if trains_options(config) or not requires_grad():
        return
    name = method if isinstance(method, str) else getattr(method, "__name__", repr(method))
    warn(
        f"{device}: {option} requires a gradient, which {name!r} does not give. Exact results "
        "in torch with diff_method='backprop' (or 'best') do."
    )
