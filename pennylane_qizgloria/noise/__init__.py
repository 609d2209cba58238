"""Noise of backends: what a device's ``noise_model`` is made of, fitted, scaled and reported."""

from .calibration_files import read_calibration
from .drop_channels import drop_channels
from .extrapolation import exponential, richardson
from .fitted import FittedNoise
from .fitting import NoiseFit, fit_noise
from .noise_files import load_noise, save_noise
from .report import NoiseReport

__all__ = [
    "FittedNoise",
    "NoiseFit",
    "NoiseReport",
    "drop_channels",
    "exponential",
    "fit_noise",
    "load_noise",
    "read_calibration",
    "richardson",
    "save_noise",
]
