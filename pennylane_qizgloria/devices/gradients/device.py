"""The derivatives of a simulating device: by the reverse pass of its engine, or by shifts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pennylane.devices import Device, ExecutionConfig

from ...engines import derivatives
from ...engines.config import SimulationConfig
from ...engines.registry import is_differentiable
from ...pauli.run.autocast import without_autocast
from ...results import Result
from ..configuration import validation
from ..configuration.validation import naming
from . import methods, shift_methods
from .shift_derivatives import ShiftDerivatives


class DifferentiableDevice(Device):
    """PennyLane's interface for derivatives, for a device whose circuits an engine simulates."""

    @abstractmethod
    def simulation_config(self, config: ExecutionConfig | None) -> SimulationConfig:
        """How the circuits of a call with a configuration are simulated."""

    @abstractmethod
    def method_of(self, config: ExecutionConfig | None) -> str:
        """The name of the engine that simulates them."""

    def supports_derivatives(
        self,
        execution_config: Any = None,
        circuit: Any = None,
    ) -> bool:
        """Whether the device differentiates by itself, see `methods`.

        Raises:
            QuantumFunctionError: for methods that differentiate exact results, with shots, and for
                higher orders by the reverse pass in torch.
        """
        validation.require_config(self.name, execution_config)
        validation.require_circuit(self.name, circuit)
        shift_methods.require_exact(execution_config, circuit, self.name)
        methods.require_order(execution_config, circuit, self.name)
        has_reverse_pass = is_differentiable(self.method_of(execution_config))
        return methods.supports(execution_config, circuit, has_reverse_pass)

    def supports_vjp(
        self,
        execution_config: Any = None,
        circuit: Any = None,
    ) -> bool:
        """Whether `compute_vjp` serves a configuration."""
        validation.require_config(self.name, execution_config)
        validation.require_circuit(self.name, circuit)
        return methods.provides_products(execution_config, circuit)

    def supports_jvp(
        self,
        execution_config: Any = None,
        circuit: Any = None,
    ) -> bool:
        """Whether `compute_jvp` serves a configuration."""
        validation.require_config(self.name, execution_config)
        validation.require_circuit(self.name, circuit)
        return methods.provides_products(execution_config, circuit)

    def compute_derivatives(self, circuits: Any, execution_config: Any = None) -> tuple[Any, ...]:
        r"""The Jacobian :math:`J_{ij} = \partial y_i / \partial x_j` of each circuit.

        Returns:
            For each circuit, measurement and trainable parameter an array with the axes of the
            result and then of the parameter. Tuples of one measurement or one parameter are left
            out, as PennyLane has it.

        Raises:
            NotImplementedError: for an order or a method that the device does not provide.
            DeviceError: for a circuit with shots.
        """
        shifts = self._by_shifts(circuits, execution_config)
        if shifts is not None:
            return shifts.jacobians(circuits)
        return self._jacobians(circuits, execution_config)[1]

    def execute_and_compute_derivatives(
        self, circuits: Any, execution_config: Any = None
    ) -> tuple[tuple[Result, ...], tuple[Any, ...]]:
        """The results, and what `compute_derivatives` gives."""
        shifts = self._by_shifts(circuits, execution_config)
        if shifts is not None:
            return self.execute(circuits, execution_config), shifts.jacobians(circuits)
        return self._jacobians(circuits, execution_config)

    def _jacobians(
        self, circuits: Any, execution_config: Any = None
    ) -> tuple[tuple[Result, ...], tuple[Any, ...]]:
        config = self._derivative_config(circuits, execution_config)
        with simulating(self.name):
            return _transposed([derivatives.jacobian(c, config) for c in circuits])

    def compute_vjp(
        self,
        circuits: Any,
        cotangents: Any,
        execution_config: Any = None,
    ) -> tuple[tuple[Any, ...], ...]:
        r"""The vector-Jacobian product :math:`\sum_i \mathrm{d}y_i J_{ij}` of each circuit.

        Args:
            circuits: the circuits.
            cotangents: for each circuit numbers or arrays in the shape of its results.
            execution_config: how it is to be done.

        Returns:
            For each circuit an array for each trainable parameter, in the parameter's shape.

        Raises:
            NotImplementedError: for an order or a method that the device does not provide.
            DeviceError: for a circuit with shots.
        """
        shifts = self._by_shifts(circuits, execution_config)
        if shifts is not None:
            return shifts.vjps(circuits, cotangents)
        return self._vjps(circuits, cotangents, execution_config)[1]

    def execute_and_compute_vjp(
        self,
        circuits: Any,
        cotangents: Any,
        execution_config: Any = None,
    ) -> tuple[tuple[Result, ...], tuple[tuple[Any, ...], ...]]:
        """The results, and what `compute_vjp` gives."""
        shifts = self._by_shifts(circuits, execution_config)
        if shifts is not None:
            return self.execute(circuits, execution_config), shifts.vjps(circuits, cotangents)
        return self._vjps(circuits, cotangents, execution_config)

    def _vjps(
        self,
        circuits: Any,
        cotangents: Any,
        execution_config: Any = None,
    ) -> tuple[tuple[Result, ...], tuple[tuple[Any, ...], ...]]:
        config = self._derivative_config(circuits, execution_config)
        validation.require_one_each(
            self.name, circuits, cotangents, "cotangents", "what has the shape of its results"
        )
        with simulating(self.name):
            runs = [derivatives.run_differentiably(circuit, config) for circuit in circuits]
            pairs = [
                (
                    run.value,
                    methods.by_convention(derivatives.vjp(run, own), execution_config),
                )
                for run, own in zip(runs, cotangents, strict=True)
            ]
        return _transposed(pairs)

    def compute_jvp(
        self,
        circuits: Any,
        tangents: Any,
        execution_config: Any = None,
    ) -> tuple[Any, ...]:
        r"""The Jacobian-vector product :math:`\sum_j J_{ij} \mathrm{d}x_j` of each circuit.

        Args:
            circuits: the circuits.
            tangents: for each circuit one number, or an array of its shape, for each trainable
                parameter. Zeros cost nothing.
            execution_config: how it is to be done.

        Returns:
            For each circuit arrays in the shape of its results.

        Raises:
            NotImplementedError: for an order or a method that the device does not provide.
            DeviceError: for a circuit with shots.
        """
        shifts = self._by_shifts(circuits, execution_config)
        if shifts is not None:
            return shifts.jvps(circuits, tangents)
        return self._jvps(circuits, tangents, execution_config)[1]

    def execute_and_compute_jvp(
        self,
        circuits: Any,
        tangents: Any,
        execution_config: Any = None,
    ) -> tuple[tuple[Result, ...], tuple[Any, ...]]:
        """The results, and what `compute_jvp` gives."""
        shifts = self._by_shifts(circuits, execution_config)
        if shifts is not None:
            return self.execute(circuits, execution_config), shifts.jvps(circuits, tangents)
        return self._jvps(circuits, tangents, execution_config)

    def _jvps(
        self,
        circuits: Any,
        tangents: Any,
        execution_config: Any = None,
    ) -> tuple[tuple[Result, ...], tuple[Any, ...]]:
        config = self._derivative_config(circuits, execution_config)
        validation.require_one_each(
            self.name, circuits, tangents, "tangents", "one for each trainable parameter"
        )
        with simulating(self.name):
            pairs = [
                derivatives.jvp(circuit, tangent, config)
                for circuit, tangent in zip(circuits, tangents, strict=True)
            ]
        return _transposed(pairs)

    def _by_shifts(self, circuits: Any, config: Any) -> ShiftDerivatives | None:
        """How derivatives are taken by shifts; None where the reverse pass takes them."""
        validation.require_call(self.name, circuits, config)
        rule = shift_methods.rule_of(config, circuits)
        if rule is None:
            return None
        return ShiftDerivatives(
            self, rule, replace(config or ExecutionConfig(), gradient_method=None)
        )

    def _derivative_config(self, circuits: Any, config: Any) -> SimulationConfig:
        validation.require_exact(self.name, circuits)
        methods.require(config or ExecutionConfig(), self.name)
        return self.simulation_config(config)


@contextmanager
def simulating(device: str) -> Iterator[None]:
    """What holds while circuits run, whatever the caller does: names in errors, no autocast."""
    with naming(device), without_autocast():
        yield


def _transposed(pairs: list[tuple[Any, Any]]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return tuple(first for first, _ in pairs), tuple(second for _, second in pairs)
