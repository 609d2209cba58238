"""A QNode as a torch module that runs without rebuilding its circuit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pennylane as qml
import torch
from pennylane.devices import Device
from torch import Tensor

from ..pauli.run.autocast import without_autocast
from .operator import example_of, is_compiled, key_of, run_module
from .sharing import sharing_weights
from .tracing.exporting import is_exported
from .tracing.invocation import LayerInvocation
from .tracing.trace_cache import TraceCache

LOW_PRECISION = (torch.float16, torch.bfloat16)
"""Dtypes that no circuit is computed in."""


class TorchLayer(qml.qnn.TorchLayer):
    r"""A QNode as a torch module, traced once for all sizes of a batch.

    Takes what :class:`pennylane.qnn.TorchLayer` takes and gives what it gives; only faster. The
    QNode's Python runs in the first calls. What it does to the numbers of inputs and weights is
    then traced, and later calls run that and the simulation, without building the circuit.

    Args:
        qnode (qml.QNode): the circuit; one argument is named ``inputs``, the others are weights.
        weight_shapes (dict[str, tuple | int]): the shape of each weight.
        init_method (Callable | dict[str, Callable | torch.Tensor], optional): a function of
            ``torch.nn.init`` for all weights, or such a function or a tensor for each. By default
            weights are uniform in :math:`[0, 2\pi)`.

    Raises:
        TypeError: if it is no QNode, has no argument named ``inputs``, or takes ``*args``.
        ValueError: if weights and the QNode's arguments do not match, a tensor in ``init_method``
            has another shape than its weight, or the QNode's interface is not torch's.

    **Shapes**

    Inputs are ``(features,)`` or ``(*batch, features)`` with any number of leading axes. One
    measurement of shape ``s`` gives ``(*batch, *s)``, a list of measurements is laid side by side,
    ``(*batch, entries)``, and a tuple of several is stacked in front, ``(measurements, *batch,
    entries)``. Results have the dtype of the inputs; with integers or bits, which the QNode gets as
    they are, that of the first weight. Inputs in half precision, such as autocast brings, are
    computed in ``float32`` at least, and results handed back in half precision.

    **What is traced**

    A trace is made of QNodes on ``qizgloria.mixed`` with exact results and ``diff_method``
    ``"best"`` or ``"backprop"``, when calls of a structure have come often enough to pay for it.
    All others (other devices, shots), and calls under ``torch.func`` or in forward mode, run as in
    PennyLane's layer. A trace serves batches of any size; for a size that is new, the QNode
    constructs its circuit once more, to be compared. Circuits that cannot be traced run as in
    PennyLane's layer, too, with one warning: where Python branches on the numbers of inputs or
    weights, or takes them as floats, integers or arrays, draws random numbers, switches gradients
    off, or changes what it depends on. A trace is compared with the QNode, values and gradients,
    before it is used.

    A trace is used while everything that the QNode depends on is unchanged: closures, globals
    and attributes that its functions read, what lists, dicts and arrays hold, tensors, the modes of
    modules, the device. Otherwise the QNode runs again. Trainable tensors that the QNode takes from
    around it are read anew at each call. Numbers are validated as ever: parameters that are not
    finite or outside their range are refused. For what no program can see, such as a file that a
    library reads, call :meth:`reset_traces` when it has changed.

    The layer can be copied, pickled if its QNode can, and saved; traces stay behind.
    ``torch.export`` and ``torch.jit.trace`` write its operations down. Under ``torch.compile``,
    with ``fullgraph=True`` too, it is one operator, whose gradient cannot be differentiated again.

    **Example**

    >>> from pennylane_qizgloria.nn.layer import TorchLayer
    >>> dev = qml.device("qizgloria.mixed", wires=2)
    >>> @qml.qnode(dev)
    ... def circuit(inputs, weights, strength):
    ...     qml.AngleEmbedding(inputs, wires=range(2))
    ...     qml.StronglyEntanglingLayers(weights, wires=range(2))
    ...     qml.DepolarizingChannel(strength, wires=0)
    ...     return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]
    >>> initial = {"weights": torch.ones(3, 2, 3), "strength": torch.tensor(0.05)}
    >>> layer = TorchLayer(circuit, {"weights": (3, 2, 3), "strength": 1}, initial)
    >>> model = torch.nn.Sequential(layer, torch.nn.Linear(2, 3))
    >>> model(torch.zeros(7, 5, 2)).shape
    torch.Size([7, 5, 3])
    >>> layer(torch.zeros(2))
    tensor([...], grad_fn=...)

    As :class:`pennylane.qnn.TorchLayer`, it hands on what it does not have itself to the QNode, so
    that ``layer.device`` is the QNode's.
    """

    def __init__(
        self,
        qnode: Any,
        weight_shapes: dict[str, Any],
        init_method: Callable | dict[str, Callable | Tensor] | None = None,
    ) -> None:
        if not hasattr(qnode, "func"):
            raise TypeError(
                f"TorchLayer takes a QNode, got {qnode!r}. A quantum function becomes one with "
                "qml.QNode(function, device)."
            )
        super().__init__(qnode, weight_shapes, init_method)
        self._trace_cache = TraceCache()
        self._key = key_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._key = key_of(self)

    @property
    def is_traced(self) -> bool:
        """Whether the last call ran without the QNode's Python."""
        return self._trace_cache.is_used

    @property
    def untraced_reason(self) -> str | None:
        """Why calls run the QNode's Python, if they cannot do without."""
        return self._trace_cache.reason

    def reset_traces(self) -> None:
        """Forget all traces, so that the next call runs the QNode's Python anew."""
        self._trace_cache.clear()

    reset_recordings = reset_traces
    """The name of :meth:`reset_traces` before version 0.2."""

    def forward(self, inputs: Any) -> Tensor:
        """The QNode's results.

        Args:
            inputs: ``(features,)`` or ``(*batch, features)``, a tensor or a NumPy array.

        Raises:
            TypeError: if the inputs are neither.
            ValueError: if they have no axis, or there is not a single sample.
        """
        if is_compiled():
            return run_module(self._key, [inputs, *self._weights()])
        return self._forward(inputs)

    @torch.compiler.disable
    def _forward(self, inputs: Any) -> Tensor:
        if isinstance(inputs, np.ndarray):
            inputs = torch.as_tensor(inputs)
        if not isinstance(inputs, Tensor):
            raise TypeError(f"The inputs of a layer are a tensor or a NumPy array, got {inputs!r}.")
        if not is_exported() and (inputs.ndim == 0 or 0 in inputs.shape[:-1]):
            raise ValueError(
                "The inputs of a layer have the shape (features,) or (*batch, features) with at "
                f"least one sample, got {tuple(inputs.shape)}. A single number is given as "
                "inputs.reshape(1)."
            )
        return super().forward(inputs)

    def to_device(
        self, quantum_device: Any, shots: int | None = None, diff_method: Any = "best"
    ) -> TorchLayer:
        """The same layer on another PennyLane device, such as a backend after its twin.

        Args:
            quantum_device: the device.
            shots: how many, for each circuit; None for exact results.
            diff_method: as for a QNode.

        Returns:
            A layer with the same weights, not copies of them.

        Raises:
            TypeError: if it is no device of PennyLane's.

        >>> device = qml.device("qizgloria.mixed", wires=1, noise_model="fake_manila")
        >>> @qml.qnode(device)
        ... def circuit(inputs, angle):
        ...     qml.RX(inputs[..., 0] + angle, wires=0)
        ...     return qml.expval(qml.Z(0))
        >>> twin = TorchLayer(circuit, {"angle": ()})
        >>> backend = qml.device("qizgloria.qiskit", wires=1, backend="fake_manila", seed=1)
        >>> layer = twin.to_device(backend, shots=100)
        >>> layer.angle is twin.angle
        True
        """
        if not isinstance(quantum_device, Device):
            raise TypeError(
                "to_device takes a device of PennyLane's, such as "
                f"qml.device('qizgloria.qiskit', wires=4); got {quantum_device!r}."
            )
        exact = qml.set_shots(self.qnode, shots=None)
        qnode = exact.update(device=quantum_device, diff_method=diff_method)
        other = sharing_weights(self)
        other.qnode = qml.set_shots(qnode, shots=shots)
        other._trace_cache = TraceCache()
        return other

    def construct(self, args: tuple, kwargs: dict) -> None:
        """Construct the QNode's tape, as PennyLane's inspection tools ask for.

        Args:
            args: the inputs, alone in a tuple.
            kwargs: not used.
        """
        (inputs,) = args
        self.qnode.construct((), self._call().keywords([inputs, *self._weights()]))

    # --- evaluation -------------------------------------------------------------------------------

    def _call(self) -> LayerInvocation:
        return LayerInvocation(self.qnode, self.input_arg, tuple(self.qnode_weights))

    def _weights(self) -> list[Tensor]:
        """The weights as they are now, wherever parametrisations and the like have put them."""
        return [getattr(self, name) for name in self.qnode_weights]

    def _evaluate_qnode(self, x: Tensor) -> Any:
        """The results for one set of inputs, or for a batch of them."""
        return self._evaluate(x, self._weights())

    def _evaluate(self, x: Tensor, weights: Sequence[Tensor]) -> Any:
        run, call = self._trace_cache.run, self._call()
        with without_autocast():
            if x.dtype not in LOW_PRECISION:
                return run(call, [x, *weights])
            results = run(call, [x.float(), *weights])
        if isinstance(results, Tensor):
            return results.to(x.dtype)
        return tuple(result.to(x.dtype) for result in results)

    # --- as an operator ---------------------------------------------------------------------------

    def apart(self, tensors: Sequence[Tensor]) -> Tensor:
        """The results for inputs and weights, see `nn.operator`."""
        inputs, *weights = tensors
        layer = SimpleNamespace(_evaluate_qnode=lambda x: self._evaluate(x, weights))
        return qml.qnn.TorchLayer.forward(layer, inputs)

    def like(self, tensors: Sequence[Tensor]) -> Tensor:
        """An empty tensor like the results, see `nn.operator`."""
        inputs, weights = tensors[0], self._weights()
        if inputs.ndim == 1:
            shape, dtype = example_of(self, inputs, weights, None)
            return inputs.new_empty(shape, dtype=dtype)
        flat = inputs.new_empty(1, inputs.shape[-1])
        (first, dtype), (second, _) = (example_of(self, flat, weights, n) for n in (1, 2))
        sizes: list[int] = []
        for one, two in zip(first, second, strict=True):
            sizes += [one] if one == two else inputs.shape[:-1]
        return inputs.new_empty(sizes, dtype=dtype)
