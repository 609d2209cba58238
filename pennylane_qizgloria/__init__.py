"""Exact, differentiable simulation of noisy quantum circuits for PennyLane, in PyTorch."""

from .devices.mixed import QizgloriaMixed

__version__ = "0.1.0"
__all__ = ["QizgloriaMixed"]
