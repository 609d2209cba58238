"""A Qiskit circuit as a torch module.

Qubit i is wire i, Pauli strings and outcomes read as in Qiskit: qubit 0 comes last, or is the least
significant bit. The circuit runs in double precision as far as the device has it; what comes out
has the dtype that went in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from pennylane.devices import Device
from pennylane.workflow import QNode
from torch import Tensor, nn

from ..devices.interfaces.first_order_torch import first_order_only
from .execution import Execution, execution_on, gradient_transform, is_first_order
from .jacobian import batched_jacobian, linearised
from .operator import is_compiled, key_of, run_module
from .sharing import sharing_weights
from .signature.arguments import broadcast_together, real_tensor
from .signature.migration import by_former_name, rename_weights, translated
from .signature.outputs import interpreted, quantum_function, read_outputs
from .signature.roles import assign_roles, warn_of_unused
from .signature.weights import first_values, require_dtype, require_number
from .tracing.invocation import CircuitInvocation
from .tracing.trace_cache import TraceCache


class TorchCircuit(nn.Module):
    r"""A parametrised Qiskit circuit as a torch module.

    With observables :math:`O_k` the outputs are the expectation values

    .. math:: y_k(x, w) = \mathrm{Tr}\,[O_k\, \rho(x, w)],

    as of an EstimatorQNN. Without, they are probabilities of outcomes, as of a SamplerQNN,

    .. math:: y_k(x, w) = \sum_{b\,:\,\mathrm{interpret}(b) = k} p(b; x, w),

    where b is Qiskit's integer for what is measured: all qubits if the circuit has no measurement,
    otherwise all its classical bits.

    Args:
        circuit (QuantumCircuit): gates of Qiskit's library, custom gates, parameter expressions,
            control flow and measurements, as `from_qiskit` reads them. Later changes to it have no
            effect. An ``EstimatorQNN`` or a ``SamplerQNN`` stands for its circuit, parameters,
            observables and interpretation; its primitive and gradient are not used.
        inputs: the parameters that the module's argument is put into, in the order of its last
            axis: parameters, parameter vectors, names of either, or a collection of these.
        weights: the parameters that are trained, in the order of ``weight``.
        observables: one or a sequence of ``SparsePauliOp``, ``SparseObservable``, ``Pauli``,
            strings such as ``"IZ"``, or observables of PennyLane on wires 0 to n - 1.
        interpret: for probabilities, a function from an outcome to an index, or a tuple of
            indices, into the result. It is asked about every outcome once, here.
        output_shape: the shape of the result where ``interpret`` is given.
        sparse (bool): whether probabilities come as a sparse COO tensor.
        initial_weights: the first values of ``weight``, in any shape that has as many entries.
            By default they are drawn uniformly from [-1, 1].
        seed (int): for that draw; None takes torch's generator.
        quantum_device: the name of a PennyLane device, or a device.
        device_options: keyword arguments for a device given by its name, such as ``backend``.
        shots: how many, for each circuit; None for exact results.
        diff_method: as for a QNode. ``"best"`` is exact backpropagation on the default device, and
            parameter shifts with shots.
        gradient_kwargs: options of the differentiation method, as for a QNode.
        dtype: of ``weight``; torch's default dtype if None.
        max_diff (int): the highest order of derivatives, where shifted circuits give them;
            backpropagation on the default device gives any.
        input_params: what qiskit-machine-learning calls ``inputs``.
        weight_params: what it calls ``weights``.

    Attributes:
        weight: the trained parameters, of shape ``(num_weights,)``.
        device: the PennyLane device that runs the circuit.
        num_inputs: how many inputs there are.
        num_weights: how many weights there are.
        output_shape: the shape of the result without batch axes.

    Shape:
        * Input: ``(..., num_inputs)``; without inputs, nothing or ``(..., 0)``.
        * Weights, as a second argument in the place of ``weight``: ``(..., num_weights)``. Leading
          axes broadcast against those of the input.
        * Output: ``(..., *output_shape)``, where ``output_shape`` is ``(len(observables),)`` or,
          for probabilities, ``(2**bits,)`` unless given.

    The result has the dtype of the input if that is a floating one (half precision included), else
    of the weights. ``torch.compile`` leaves the module out of its graphs.

    On ``qizgloria.mixed`` without shots, the arithmetic is traced when inputs of a shape come
    often, and runs without the circuit while the device stays as it is; see `TorchLayer`.

    Copies and pickles run on a device with the same options; copies, on the same device if it was
    given as an object. ``load_state_dict`` takes checkpoints of a ``TorchConnector``.

    Warns:
        UserWarning: if inputs or weights are named that the circuit does not have.

    Raises:
        TypeError: if the circuit is not a ``QuantumCircuit``, or something given for parameters,
            observables or ``interpret`` is of the wrong kind; when called, if the input is neither
            a tensor nor an array of numbers.
        ValueError: if parameters are left out or named twice, observables do not fit the circuit,
            the circuit ends with measurements although there are observables, ``interpret`` returns
            something out of range, the initial weights are too many, too few or not finite, or the
            dtype is not a real floating one; when called, if the width of the input is wrong.

    **Example**

    >>> from qiskit.circuit import ParameterVector, QuantumCircuit
    >>> x, w = ParameterVector("x", 2), ParameterVector("w", 2)
    >>> circuit = QuantumCircuit(2)
    >>> for qubit in range(2):
    ...     _ = circuit.ry(x[qubit], qubit)
    ...     _ = circuit.rx(w[qubit], qubit)
    >>> _ = circuit.cx(0, 1)
    >>> layer = TorchCircuit(circuit, x, w, observables=["IZ", "ZZ"], seed=1)
    >>> layer
    TorchCircuit(num_qubits=2, num_inputs=2, num_weights=2, output_shape=(2,), device=qizgloria.mixed)
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2), layer, torch.nn.Linear(2, 3))
    >>> model(torch.zeros(5, 4)).shape
    torch.Size([5, 3])

    With ``interpret``, here the parity of the outcome:

    >>> def parity(outcome):
    ...     return outcome.bit_count() % 2
    >>> layer = TorchCircuit(circuit, x, w, interpret=parity, output_shape=2, seed=1)
    >>> layer(torch.zeros(2))
    tensor([0.9260, 0.0740], grad_fn=...)
    """  # noqa: E501

    weight: nn.Parameter
    index: Int[Tensor, "outcomes"] | None

    def __init__(
        self,
        circuit: Any,
        inputs: Any = None,
        weights: Any = None,
        observables: Any = None,
        interpret: Any = None,
        output_shape: Any = None,
        sparse: bool = False,
        initial_weights: Any = None,
        seed: Any = None,
        quantum_device: Any = "qizgloria.mixed",
        device_options: Any = None,
        shots: Any = None,
        diff_method: Any = "best",
        gradient_kwargs: Any = None,
        dtype: Any = None,
        max_diff: Any = 1,
        **others: Any,
    ) -> None:
        super().__init__()
        require_dtype(dtype)
        quantum_device = by_former_name(others, "device", "quantum_device", quantum_device)
        given = {"circuit": circuit, "inputs": inputs, "weights": weights}
        given |= {"observables": observables, "interpret": interpret}
        given |= {"output_shape": output_shape, "sparse": sparse}
        given = translated(given, others, signature(TorchCircuit).parameters)
        circuit = given.pop("circuit")
        template = _template(circuit)
        self._roles = assign_roles(circuit, given.pop("inputs"), given.pop("weights"))
        warn_of_unused(self._roles, stacklevel=2)
        self._circuit = circuit.copy()
        outputs = read_outputs(template, **given)
        self.output_shape = outputs.shape
        self._observables = outputs.observables
        self.register_buffer("index", outputs.index, persistent=False)
        self.sparse = bool(given["sparse"])
        function, wires = quantum_function(template, self._roles, self._observables)
        execution = execution_on(
            quantum_device, device_options, wires, shots, diff_method, gradient_kwargs, max_diff
        )
        self._first = first_values(initial_weights, seed, self.num_weights)
        self.weight = nn.Parameter(torch.empty(self.num_weights, dtype=dtype))
        self.reset_parameters()
        self._key = key_of(self)
        self._run_by(execution, function)

    def _run_by(self, execution: Execution, function: Callable) -> None:
        """Run the circuit in a way, with nothing remembered of another one."""
        self._execution = execution
        self._trace_cache = TraceCache(module=None)
        # Made anew after copying and unpickling, as its function is local.
        qnode = execution.qnode(function, self._example())
        self._is_first_order = is_first_order(qnode, self._example())
        self._qnode: QNode | None = qnode

    @property
    def device(self) -> Device:
        """The PennyLane device that runs the circuit."""
        return self._execution.device

    @property
    def is_traced(self) -> bool:
        """Whether the last call ran without building the circuit; see `TorchLayer`."""
        return self._trace_cache.is_used

    @property
    def untraced_reason(self) -> str | None:
        """Why calls build the circuit, if they cannot do without."""
        return self._trace_cache.reason

    @property
    def seed(self) -> int | None:
        """What the first weights are drawn with."""
        return self._first.seed

    @property
    def num_inputs(self) -> int:
        """How many inputs there are."""
        return len(self._roles.inputs)

    @property
    def num_weights(self) -> int:
        """How many weights there are."""
        return len(self._roles.weights)

    def reset_parameters(self) -> None:
        """Give the weights their first values again; without a seed, others at each call."""
        with torch.no_grad():
            self.weight.copy_(self._first.values())

    def forward(self, x: Any = None, w: Any = None) -> Float[Tensor, "..."]:
        """The outputs for inputs of shape ``(..., num_inputs)``; see the class.

        Args:
            x: the inputs, a tensor or an array of numbers.
            w: weights to use in the place of ``weight``, of shape ``(..., num_weights)``.

        Raises:
            TypeError: if an argument is neither a tensor nor an array of numbers.
            ValueError: if the last axis of an argument does not have that width, or leading axes do
                not fit together.
        """
        x = self._inputs(x)
        weight = self._weights(w)
        flat, rows, leading = broadcast_together(x, weight)
        with torch.autocast(weight.device.type, enabled=False):
            values = self._outputs(flat.to(torch.float64), rows.to(torch.float64))
        result = values.reshape(*leading, *self.output_shape).to(self._dtype_of(x, weight))
        return result.to_sparse() if self.sparse else result

    def to_device(
        self,
        quantum_device: Any,
        device_options: Any = None,
        shots: Any = None,
        diff_method: Any = "best",
        gradient_kwargs: Any = None,
    ) -> TorchCircuit:
        """The same module on another PennyLane device, such as a backend after its twin.

        Args:
            quantum_device: the name of a PennyLane device, or a device.
            device_options: keyword arguments for a device given by its name, such as ``backend``.
            shots: how many, for each circuit; None for exact results.
            diff_method: as for a QNode.
            gradient_kwargs: options of the differentiation method, as for a QNode.

        Returns:
            A module with the same weight, not a copy of it.

        Raises:
            TypeError: if the options are no mapping.
            ValueError: if there is no such device.

        >>> from qiskit.circuit import Parameter, QuantumCircuit
        >>> circuit = QuantumCircuit(1)
        >>> _ = circuit.rx(Parameter("w"), 0)
        >>> twin = TorchCircuit(
        ...     circuit, weights="w", observables="Z", device_options={"noise_model": "fake_manila"}
        ... )
        >>> layer = twin.to_device("qizgloria.qiskit", {"backend": "fake_manila"}, shots=100)
        >>> layer.weight is twin.weight
        True
        """
        other = sharing_weights(self)
        function, wires = quantum_function(_template(self._circuit), self._roles, self._observables)
        max_diff = self._execution.max_diff
        execution = execution_on(
            quantum_device, device_options, wires, shots, diff_method, gradient_kwargs, max_diff
        )
        other._run_by(execution, function)
        return other

    def backward_pass(
        self, x: Any = None, w: Any = None, input_gradients: bool = True
    ) -> tuple[Float[Tensor, "..."] | None, Float[Tensor, "..."]]:
        r"""The Jacobians that EstimatorQNN and SamplerQNN call their backward pass.

        .. math:: J^x_{bki} = \partial y_k(x_b, w) / \partial x_{bi}, \qquad
                  J^w_{bkj} = \partial y_k(x_b, w) / \partial w_j

        With a method of differentiation that runs shifted circuits, those of all samples, outputs
        and parameters are run together.

        Args:
            x: inputs of shape ``(batch, num_inputs)``; one sample without the axis is a batch of 1.
            w: weights of shape ``(num_weights,)`` to use in place of ``weight``.
            input_gradients: whether the first Jacobian is wanted.

        Returns:
            Jacobians of shapes ``(batch, *output_shape, num_inputs)``, or None if not wanted, and
            ``(batch, *output_shape, num_weights)``. They are detached.

        Raises:
            ValueError: if an argument has the wrong width.

        >>> from qiskit.circuit import Parameter, QuantumCircuit
        >>> x, w = Parameter("x"), Parameter("w")
        >>> circuit = QuantumCircuit(2)
        >>> _ = circuit.h(0), circuit.ry(x, 0), circuit.rx(w, 1)
        >>> layer = TorchCircuit(circuit, x, w, "YY", initial_weights=[0.4])
        >>> input_gradients, weight_gradients = layer.backward_pass(torch.tensor([0.3]))
        >>> input_gradients.shape, weight_gradients.shape
        (torch.Size([1, 1, 1]), torch.Size([1, 1, 1]))
        """
        x, weight = self._inputs(x), self._weights(w).detach()
        require_number(weight.numel(), self.num_weights, "weights")
        flat, weight, leading = broadcast_together(x, weight.flatten())
        with torch.autocast(weight.device.type, enabled=False):
            jacobians = batched_jacobian(
                self._differentiable_outputs,
                flat.to(torch.float64),
                weight.to(torch.float64),
                input_gradients,
            )
        dtype, batch = self._dtype_of(x, self.weight), leading or (len(flat),)
        shaped = [
            None if j is None else j.reshape(*batch, *self.output_shape, j.shape[-1]).to(dtype)
            for j in jacobians
        ]
        input_jacobian, weight_jacobian = [
            j.to_sparse() if self.sparse and j is not None else j for j in shaped
        ]
        assert weight_jacobian is not None
        return input_jacobian, weight_jacobian

    # --- running the circuit ----------------------------------------------------------------------

    def _inputs(self, x: Any) -> Shaped[Tensor, "... inputs"] | None:
        """The inputs as a tensor; None where there are none."""
        if x is None:
            require_number(0, self.num_inputs, "inputs")
            return None
        # Arrays go where the weights are; a tensor elsewhere is a mistake that torch reports.
        return real_tensor(x, self.num_inputs, "input", self.weight.device)

    def _weights(self, w: Any) -> Shaped[Tensor, "... weights"]:
        """The weights that are meant."""
        if w is None:
            return self.weight
        return real_tensor(w, self.num_weights, "weight", self.weight.device)

    def _dtype_of(self, x: Tensor | None, weight: Tensor) -> torch.dtype:
        """The dtype of the outputs."""
        return next(
            (own.dtype for own in (x, weight) if own is not None and own.is_floating_point()),
            self.weight.dtype,
        )

    def _outputs(
        self, x: Float[Tensor, "batch inputs"], w: Float[Tensor, "*rows weights"]
    ) -> Float[Tensor, "batch outputs"]:
        """The flattened outputs of each sample."""
        if is_compiled():
            return run_module(self._key, [x, w])
        if len(x) == 0:
            # Nothing to run, but what comes out should still depend on what went in.
            return (x.sum() + w.sum()) * x.new_zeros(0, math.prod(self.output_shape))
        tensors = first_order_only(x, w) if self._is_first_order else (x, w)
        return self._interpreted(self._trace_cache.run(CircuitInvocation(self._ready()), tensors))

    def apart(self, tensors: Sequence[Tensor]) -> Float[Tensor, "batch outputs"]:
        """The outputs for inputs and weights, see `nn.operator`."""
        return self._outputs(*tensors)

    def like(self, tensors: Sequence[Tensor]) -> Float[Tensor, "batch outputs"]:
        """An empty tensor like the outputs, see `nn.operator`."""
        x, _ = tensors
        return x.new_empty(x.shape[0], math.prod(self.output_shape))

    def _differentiable_outputs(
        self, x: Float[Tensor, "batch inputs"], w: Float[Tensor, "batch weights"]
    ) -> Float[Tensor, "batch outputs"]:
        """Something with the same Jacobian, in the cheapest way to get all of it."""
        transform = gradient_transform(self._ready(), self._example())
        if transform is None or len(x) == 0:
            return self._outputs(x, w)
        linear = linearised(self._ready(), transform, self._execution.gradient_kwargs)
        return self._interpreted(CircuitInvocation(linear)((x, w)))

    def _interpreted(
        self, measured: Float[Tensor, "batch measured"]
    ) -> Float[Tensor, "batch outputs"]:
        return interpreted(measured, self.index, self.output_shape)

    # --- the QNode --------------------------------------------------------------------------------

    def _ready(self) -> QNode:
        if self._qnode is None:
            template = _template(self._circuit)
            function, _ = quantum_function(template, self._roles, self._observables)
            self._qnode = self._execution.qnode(function, self._example())
        return self._qnode

    def _example(self) -> tuple[Tensor, Tensor]:
        """Some arguments of the QNode."""
        return (
            torch.ones(self.num_inputs, dtype=torch.float64, requires_grad=True),
            torch.ones(self.num_weights, dtype=torch.float64, requires_grad=True),
        )

    # --- what torch and pickle ask for ------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_qnode": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._key = key_of(self)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        rename_weights(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        num_qubits = self._circuit.num_qubits
        parts = [
            f"num_qubits={num_qubits}, num_inputs={self.num_inputs}, "
            f"num_weights={self.num_weights}, output_shape={self.output_shape}, "
            f"device={self.device.name}"
        ]
        if self._execution.shots is not None:
            parts.append(f"shots={self._execution.shots}")
        if self._execution.diff_method != "best":
            parts.append(f"diff_method={self._execution.diff_method}")
        if self.sparse:
            parts.append("sparse=True")
        return ", ".join(parts)


def _template(circuit: Any) -> Any:
    from ..qiskit import from_qiskit

    return from_qiskit(circuit)
