"""What holds for the lowering of one tape: its wires, their readout error, dtype and device."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..pauli.state.basis import complex_dtype
from .parameters import NUMERIC, without_imaginary_part


@runtime_checkable
class Readout(Protocol):
    """The readout error of a device.

    Attributes:
        key: equal for equal errors; None where tensors are among them, which may be written to.
    """

    @property
    def key(self) -> Hashable | None: ...  # noqa: D102

    def on(self, wire_map: Mapping[Any, int]) -> dict[int, Float[Tensor, "*batch 2 2"]]:
        """The confusion matrices by integer wire."""


@dataclass(frozen=True)
class TapeContext:
    """The circumstances of a tape.

    Args:
        wire_map: the integer wire of each wire label, in the order of the tape's wires.
        confusion: the confusion matrix of each integer wire that has a readout error, see
            `pauli.state.readout`.
        readout_key: equal for equal readout errors; None where they may change.
        dtype: real dtype of the simulation.
        device: the torch device that it runs on.
    """

    wire_map: Mapping[Any, int] = field(default_factory=dict)
    confusion: Mapping[int, Float[Tensor, "*batch 2 2"]] = field(default_factory=dict)
    readout_key: Hashable | None = None
    dtype: torch.dtype = torch.float64
    device: torch.device = torch.device("cpu")  # noqa: RUF009 (immutable)

    def wires(self, labels: Iterable[Any]) -> tuple[int, ...]:
        """The integer wires of some labels."""
        return tuple(self.wire_map[label] for label in labels)

    def real(self, value: Any) -> Tensor:
        """A number or array of any interface as a real tensor.

        Raises:
            ValueError: if it has an imaginary part, or is no number at all.
        """
        return self._tensor(without_imaginary_part(value), self.dtype)

    def complex(self, value: Any) -> Tensor:
        """A number or array of any interface as a complex tensor."""
        return self._tensor(value, complex_dtype(self.dtype))

    def _tensor(self, value: Any, dtype: torch.dtype) -> Tensor:
        if isinstance(value, Tensor):
            return value.to(self.device, dtype)
        # A copy, because torch takes no arrays with negative strides.
        array = np.array(value, order="C")
        if array.dtype.kind not in NUMERIC:
            raise ValueError(f"numbers are needed, got {value!r}.")
        return torch.as_tensor(array).to(self.device, dtype)
