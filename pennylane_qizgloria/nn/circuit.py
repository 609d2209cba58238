"""A Qiskit circuit as a torch module.

Qubit i is wire i, Pauli strings and outcomes read as in Qiskit: qubit 0 comes last, or is the least
significant bit. The circuit runs in double precision as far as the device has it; what comes out
has the dtype that went in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from pennylane.workflow import QNode
from torch import Tensor, nn

from .calls import CircuitCall
from .execution import Execution, gradient_transform
from .jacobian import batched_jacobian, linearised
from .outputs import interpreted, quantum_function, read_outputs
from .parameters import assign_roles
from .recordings import Recordings


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
            effect.
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
        device: the name of a PennyLane device, or a device.
        device_options: keyword arguments for a device given by its name, such as ``backend``.
        shots: how many, for each circuit; None for exact results.
        diff_method: as for a QNode. ``"best"`` is exact backpropagation on the default device, and
            parameter shifts with shots.
        gradient_kwargs: options of the differentiation method, as for a QNode.
        dtype: of ``weight``; torch's default dtype if None.

    Attributes:
        weight: the trained parameters, of shape ``(num_weights,)``.
        num_inputs: how many inputs there are.
        num_weights: how many weights there are.
        output_shape: the shape of the result without batch axes.

    Shape:
        * Input: ``(..., num_inputs)``; without inputs, nothing or ``(..., 0)``.
        * Output: ``(..., *output_shape)``, where ``output_shape`` is ``(len(observables),)`` or,
          for probabilities, ``(2**bits,)`` unless given.

    The result has the dtype of the input if that is a floating one (half precision included), else
    of the weights. ``torch.compile`` leaves the module out of its graphs.

    On ``qizgloria.mixed`` without shots, the arithmetic is recorded when inputs of a shape come for
    the second time, and runs without the circuit from then on, as in `TorchLayer`.

    Raises:
        TypeError: if the circuit is not a ``QuantumCircuit``, or something given for parameters,
            observables or ``interpret`` is of the wrong kind; when called, if the input is not a
            tensor.
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
        output_shape: int | Iterable[int] | None = None,
        sparse: bool = False,
        initial_weights: Any = None,
        seed: int | None = None,
        device: Any = "qizgloria.mixed",
        device_options: Mapping[str, Any] | None = None,
        shots: Any = None,
        diff_method: Any = "best",
        gradient_kwargs: Mapping[str, Any] | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        _check_dtype(dtype)
        template = _template(circuit)
        self._roles = assign_roles(circuit, inputs, weights)
        self._circuit = circuit.copy()
        outputs = read_outputs(template, observables, interpret, output_shape, sparse)
        self.output_shape = outputs.shape
        self._observables = outputs.observables
        self.register_buffer("index", outputs.index, persistent=False)
        self.sparse = sparse
        self._execution = Execution(
            device, dict(device_options or {}), shots, diff_method, dict(gradient_kwargs or {})
        )
        self.seed = seed
        self._initial = _initial_weights(initial_weights, self.num_weights)
        self.weight = nn.Parameter(torch.empty(self.num_weights, dtype=dtype))
        self.reset_parameters()
        self._recordings = Recordings(patient=True, quiet=True)
        # Made anew after copying and unpickling, which QNodes do not survive.
        self._qnode: QNode | None = self._make_qnode()

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
            if self._initial is not None:
                self.weight.copy_(self._initial)
                return
            generator = None if self.seed is None else torch.Generator().manual_seed(self.seed)
            start = torch.empty(self.num_weights, dtype=torch.float64)
            self.weight.copy_(start.uniform_(-1, 1, generator=generator))

    @torch.compiler.disable
    def forward(self, x: Any = None) -> Float[Tensor, "..."]:
        """The outputs for inputs of shape ``(..., num_inputs)``; see the class.

        Raises:
            TypeError: if the input is not a tensor.
            ValueError: if the last axis of the input does not have that width.
        """
        if not isinstance(x, Tensor | None):
            raise TypeError(f"The input of a circuit is a torch tensor, got {x!r}.")
        flat, leading = self._flattened(x)
        weight = self.weight
        with torch.autocast(weight.device.type, enabled=False):
            values = self._outputs(flat, weight.to(torch.float64))
        result = values.reshape(*leading, *self.output_shape)
        result = result.to(x.dtype if x is not None and x.is_floating_point() else weight.dtype)
        return result.to_sparse() if self.sparse else result

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
        weight = torch.as_tensor(self.weight if w is None else w, device=self.weight.device)
        _check_number(weight.numel(), self.num_weights, "weights")
        weight = weight.detach().flatten().to(torch.float64)
        x = None if x is None else torch.as_tensor(x, device=weight.device)
        flat, leading = self._flattened(x)
        with torch.autocast(weight.device.type, enabled=False):
            jacobians = batched_jacobian(
                self._differentiable_outputs, flat, weight, input_gradients
            )
        dtype = x.dtype if x is not None and x.is_floating_point() else self.weight.dtype
        batch = leading or (len(flat),)
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

    def _flattened(
        self, x: Shaped[Tensor, "..."] | None
    ) -> tuple[Float[Tensor, "batch inputs"], tuple[int, ...]]:
        """The inputs with one batch axis, in double precision, and the axes that they had."""
        if x is None:
            _check_number(0, self.num_inputs, "inputs")
            return torch.empty(1, 0, dtype=torch.float64, device=self.weight.device), ()
        if x.is_complex():
            raise ValueError(f"The inputs of a circuit are real, got {x.dtype}.")
        if x.ndim == 0 or x.shape[-1] != self.num_inputs:
            raise ValueError(
                f"The circuit has {self.num_inputs} inputs, so its argument has the shape "
                f"(..., {self.num_inputs}), but {tuple(x.shape)} was given."
            )
        leading = tuple(x.shape[:-1])
        return x.reshape(math.prod(leading), self.num_inputs).to(torch.float64), leading

    def _outputs(
        self, x: Float[Tensor, "batch inputs"], w: Float[Tensor, "*rows weights"]
    ) -> Float[Tensor, "batch outputs"]:
        """The flattened outputs of each sample."""
        if len(x) == 0:
            # Nothing to run, but what comes out should still depend on what went in.
            return (x.sum() + w.sum()) * x.new_zeros(0, math.prod(self.output_shape))
        return self._interpreted(self._recordings.run(CircuitCall(self._ready()), (x, w)))

    def _differentiable_outputs(
        self, x: Float[Tensor, "batch inputs"], w: Float[Tensor, "batch weights"]
    ) -> Float[Tensor, "batch outputs"]:
        """Something with the same Jacobian, in the cheapest way to get all of it."""
        transform = gradient_transform(self._ready(), self._example())
        if transform is None or len(x) == 0:
            return self._outputs(x, w)
        linear = linearised(self._ready(), transform, self._execution.gradient_kwargs)
        return self._interpreted(CircuitCall(linear)((x, w)))

    def _interpreted(
        self, measured: Float[Tensor, "batch measured"]
    ) -> Float[Tensor, "batch outputs"]:
        return interpreted(measured, self.index, self.output_shape)

    # --- the QNode --------------------------------------------------------------------------------

    def _ready(self) -> QNode:
        if self._qnode is None:
            self._qnode = self._make_qnode()
        return self._qnode

    def _make_qnode(self) -> QNode:
        template = _template(self._circuit)
        circuit, wires = quantum_function(template, self._roles, self._observables)
        return self._execution.qnode(circuit, wires, self._example())

    def _example(self) -> tuple[Tensor, Tensor]:
        """Some arguments of the QNode."""
        return (
            torch.ones(self.num_inputs, dtype=torch.float64, requires_grad=True),
            torch.ones(self.num_weights, dtype=torch.float64, requires_grad=True),
        )

    # --- what torch and pickle ask for ------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_qnode": None}

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        num_qubits = self._circuit.num_qubits
        parts = [
            f"num_qubits={num_qubits}, num_inputs={self.num_inputs}, "
            f"num_weights={self.num_weights}, output_shape={self.output_shape}, "
            f"device={self._execution.device_name}"
        ]
        if self._execution.shots is not None:
            parts.append(f"shots={self._execution.shots}")
        if self._execution.diff_method != "best":
            parts.append(f"diff_method={self._execution.diff_method}")
        if self.sparse:
            parts.append("sparse=True")
        return ", ".join(parts)


# --- checks of what the user gives ----------------------------------------------------------------


def _template(circuit: Any) -> Any:
    from ..qiskit import from_qiskit

    return from_qiskit(circuit)


def _initial_weights(given: Any, number: int) -> Float[Tensor, "weights"] | None:
    if given is None:
        return None
    values = torch.as_tensor(given, dtype=torch.float64).detach().clone().flatten()
    _check_number(len(values), number, "initial weights")
    if not values.isfinite().all():
        raise ValueError(f"The initial weights must be finite, got {values.tolist()}.")
    return values


def _check_dtype(dtype: torch.dtype | None) -> None:
    if dtype is not None and not dtype.is_floating_point:
        raise ValueError(f"The weights of a circuit are real floats, so dtype cannot be {dtype}.")


def _check_number(given: int, expected: int, what: str) -> None:
    if given != expected:
        raise ValueError(f"The circuit has {expected} {what}, but {given} were given.")
