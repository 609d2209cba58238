"""A device's source of randomness, from whatever PennyLane accepts as a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
from jaxtyping import Float

from ...pauli.state.sample import Uniform


class JaxUniform:
    """Uniform numbers from a JAX key, which is split at every call.

    Args:
        key: a ``jax.random.PRNGKey``.
    """

    def __init__(self, key: Any) -> None:
        self._key = key

    def random(self, size: tuple[int, ...]) -> Float[np.ndarray, "..."]:
        """An array of that shape."""
        import jax

        self._key, used = jax.random.split(self._key)
        return np.asarray(jax.random.uniform(used, size), dtype=np.float64)


def random_source(seed: Any) -> Uniform:
    """The source that a seed names.

    Args:
        seed: ``"global"`` draws a seed from NumPy's global generator, so that ``np.random.seed``
            makes a program reproducible; a JAX key gives JAX's random numbers; anything else goes
            to ``numpy.random.default_rng``: None for entropy from the system, an int, a sequence
            of ints, a SeedSequence, a BitGenerator, or a Generator, which is used as it is.
    """
    if isinstance(seed, str) and seed == "global":
        return np.random.default_rng(np.random.randint(0, high=10_000_000))  # noqa: NPY002
    if qml.math.get_interface(seed) == "jax":
        return JaxUniform(seed)
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"seed={seed!r} is neither 'global', a JAX key, nor what numpy.random.default_rng "
            f"takes: {error}"
        ) from error
