"""Expectation values and their Jacobians by parameter shifts, from any of Qiskit's estimators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .autograd import Array
from .jacobian import batched_jacobian
from .signature.arguments import real_tensor
from .signature.observables import as_list, pauli_terms
from .signature.roles import Roles, assign_roles, warn_of_unused


class ParameterShift:
    r"""Expectation values and their Jacobians by parameter shifts, from any ``BaseEstimatorV2``.

    Every gate's angle :math:`\theta_g(x, w)` is shifted by itself,

    .. math:: \frac{\partial y}{\partial w_j} = \sum_g \frac{\partial\theta_g}{\partial w_j}
              \cdot\frac{y(\theta_g + \pi/2) - y(\theta_g - \pi/2)}{2},

    so parameters may occur many times and in any parameter expression. Each call runs one PUB: all
    samples, shifts and observables are axes of its arrays. Gates that the rule does not hold for
    are replaced by their definitions until it does (Schuld et al., Physical Review A 99:032331,
    2019).

    Args:
        circuit (QuantumCircuit): a circuit without measurements at its end.
        inputs: the parameters that inputs are put into; see `TorchCircuit`.
        weights: the parameters that weights are put into.
        observables: one or a sequence of Qiskit's observables; see `TorchCircuit`.
        estimator (BaseEstimatorV2): runs the circuit; Qiskit's exact one if None.
        precision (float): what the estimator is asked for; its default if None.
        pass_manager: translates the circuit for the estimator's backend, if that is needed. The
            observables follow its layout.
        input_gradients (bool): whether inputs get a Jacobian. Without it fewer circuits run.

    Raises:
        TypeError: if something given for parameters or observables is of the wrong kind.
        ValueError: if parameters are left out or named twice, observables do not fit the circuit,
            or a parameter is used where there is no rule for it: inside of control flow, say.

    >>> from qiskit.circuit import Parameter, QuantumCircuit
    >>> from pennylane_qizgloria.nn import QiskitFunction
    >>> x, w = Parameter("x"), Parameter("w")
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(x * w, 0)
    >>> shift = ParameterShift(circuit, x, w, "Z")
    >>> weights = torch.tensor([0.5], requires_grad=True)
    >>> y = QiskitFunction.apply(torch.tensor([[2.0]]), weights, shift.evaluate, shift.gradient)
    >>> y.sum().backward()
    >>> weights.grad
    tensor([-1.6829])
    """

    def __init__(
        self,
        circuit: Any,
        inputs: Any = None,
        weights: Any = None,
        observables: Any = None,
        estimator: Any = None,
        precision: float | None = None,
        pass_manager: Any = None,
        input_gradients: bool = True,
    ) -> None:
        from qiskit.primitives import StatevectorEstimator

        roles = assign_roles(circuit, inputs, weights)
        warn_of_unused(roles, stacklevel=2)
        self._angles = separate_angles(circuit, roles)
        self._observables = [pauli_terms(o, circuit.num_qubits) for o in as_list(observables)]
        self._circuit = self._angles.circuit
        if pass_manager is not None:
            self._circuit = pass_manager.run(self._circuit)
            layout = self._circuit.layout
            self._observables = [o.apply_layout(layout) for o in self._observables]
        self._estimator = StatevectorEstimator() if estimator is None else estimator
        self._precision = precision
        self._input_gradients = input_gradients

    def evaluate(self, x: Any, weights: Any) -> Array:
        """The expectation values, of shape ``(batch, observables)``.

        Args:
            x: inputs of shape ``(batch, inputs)``; one sample without the axis is a batch of 1.
            weights: of shape ``(weights,)``.

        Raises:
            ValueError: if an argument does not have that shape.
        """
        angles = self._angles.values(*self._arguments(x, weights))
        return self._expectations(angles.numpy()).T

    def gradient(self, x: Any, weights: Any) -> tuple[Array | None, Array]:
        """The Jacobians by inputs (or None) and weights.

        Args:
            x: inputs of shape ``(batch, inputs)``; one sample without the axis is a batch of 1.
            weights: of shape ``(weights,)``.

        Returns:
            Arrays of shapes ``(batch, observables, inputs)`` and ``(batch, observables, weights)``.

        Raises:
            ValueError: if an argument does not have that shape.
        """
        arguments = self._arguments(x, weights)
        angles = self._angles.values(*arguments).numpy()
        every = range(angles.shape[1])
        moved = list(every) if self._input_gradients else list(self._angles.of_weights)
        step = np.pi / 2 * np.eye(len(every))[moved]
        shifted = angles[:, None, None] + np.stack([step, -step])
        differences = np.zeros((len(self._observables), *angles.shape))
        if shifted.size:
            above, below = np.moveaxis(self._expectations(shifted), 2, 0)
            differences[:, :, moved] = (above - below) / 2
        by_inputs, by_weights = batched_jacobian(
            self._angles.values, *arguments, self._input_gradients
        )
        chain = [
            None if by is None else np.einsum("obg,bgi->boi", differences, by.numpy())
            for by in (by_inputs, by_weights)
        ]
        assert chain[1] is not None
        return chain[0], chain[1]

    def _arguments(
        self, x: Any, weights: Any
    ) -> tuple[Float[Tensor, "batch inputs"], Float[Tensor, "weights"]]:
        """Inputs and weights, if they have the shapes that the circuit needs."""
        roles, cpu = self._angles.roles, torch.device("cpu")
        x = real_tensor(x, len(roles.inputs), "input", cpu)
        weights = real_tensor(weights, len(roles.weights), "weight", cpu)
        if x.ndim > 2 or weights.ndim > 1:
            raise ValueError(
                "Inputs have the shape (batch, inputs) and weights the shape (weights,), but "
                f"{tuple(x.shape)} and {tuple(weights.shape)} were given."
            )
        return torch.atleast_2d(x).double(), weights.double()

    def _expectations(self, angles: Array) -> Array:
        """Expectation values, observables along the first axis, for angles along the last."""
        axes = (len(self._observables),) + (1,) * (angles.ndim - 1)
        observables = np.empty(axes, dtype=object)
        observables.ravel()[:] = self._observables
        # A pass manager may have found out that some angle has no effect.
        used = [parameter.index for parameter in self._circuit.parameters]
        pub = (self._circuit, observables, angles[..., used])
        (result,) = self._estimator.run([pub], precision=self._precision).result()
        return np.asarray(result.data.evs, dtype=np.float64)


@dataclass(frozen=True)
class Angles:
    """What `separate_angles` makes.

    Args:
        circuit: one with a parameter of its own for every angle.
        roles: of the parameters that the angles depend on.
        parameters: those, in the order of ``roles.columns``.
        functions: the angles as functions of these.
        of_weights: which of the angles depend on weights.
    """

    circuit: Any
    roles: Roles
    parameters: tuple[Any, ...]
    functions: tuple[Any, ...]
    of_weights: tuple[int, ...]

    def values(
        self, x: Float[Tensor, "batch inputs"], w: Float[Tensor, "*rows weights"]
    ) -> Float[Tensor, "batch angles"]:
        """The angles for each sample."""
        if not self.functions:
            return x.new_zeros(len(x), 0)
        values = dict(zip(self.parameters, self.roles.values(x, w), strict=True))
        angles = [function(values).expand(len(x)) for function in self.functions]
        return torch.stack(angles, dim=-1)


def separate_angles(circuit: Any, roles: Roles) -> Angles:
    """The circuit with every gate's angles as parameters of their own, which can be shifted.

    Raises:
        ValueError: if a parameter is used where it cannot be shifted.
    """
    from qiskit.circuit import ParameterExpression, ParameterVector

    from ..qiskit.convert.expressions import compile_expression

    steps = list(_shiftable(circuit, circuit.qubits, circuit.clbits))
    angles = [
        parameter
        for op, _, _ in steps
        for parameter in op.params
        if isinstance(parameter, ParameterExpression)
    ]
    symbols = iter(ParameterVector("angle", len(angles)))
    separate = circuit.copy_empty_like()
    separate.global_phase = 0
    for op, qubits, clbits in steps:
        if _is_free(op):
            fresh = [next(symbols) if isinstance(p, ParameterExpression) else p for p in op.params]
            op = op.base_class(*fresh)
        separate.append(op, qubits, clbits)
    names = set(roles.weights)
    of_weights = [k for k, a in enumerate(angles) if names & {p.name for p in a.parameters}]
    functions = tuple(map(compile_expression, angles))
    return Angles(separate, roles, tuple(circuit.parameters), functions, tuple(of_weights))


def _is_free(op: Any) -> bool:
    from qiskit.circuit import ParameterExpression

    return any(isinstance(parameter, ParameterExpression) for parameter in op.params)


def _shiftable(circuit: Any, qubits: Any, clbits: Any) -> Iterator[tuple[Any, list, list]]:
    """Operations on the outermost circuit's bits: with plain numbers, or angles to shift."""
    from qiskit.circuit import library as lib

    # The generators of these have two eigenvalues that differ by 1. So has that of CPhaseGate, but
    # Aer's estimator fails on arrays of its angles.
    rotations = (lib.RXGate, lib.RYGate, lib.RZGate, lib.RXXGate, lib.RYYGate, lib.RZZGate)
    phases = (lib.RZXGate, lib.PhaseGate, lib.U1Gate, lib.UGate)
    qubit = dict(zip(circuit.qubits, qubits, strict=True))
    clbit = dict(zip(circuit.clbits, clbits, strict=True))
    for instruction in circuit.data:
        op = instruction.operation
        on = [qubit[q] for q in instruction.qubits]
        bits = [clbit[c] for c in instruction.clbits]
        if not _depends_on_parameters(op) or isinstance(op, rotations + phases):
            yield op, on, bits
        elif getattr(op, "definition", None) is not None:
            yield from _shiftable(op.definition, on, bits)
        else:
            raise ValueError(
                f"The parameters of {op.name!r} have no shift rule: it is neither a rotation nor "
                "made of such. Give it a definition, or write it as gates of Qiskit's library."
            )


def _depends_on_parameters(op: Any) -> bool:
    blocks = getattr(op, "blocks", ())
    return _is_free(op) or any(block.parameters for block in blocks)
