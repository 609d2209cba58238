"""Fixtures that several folders of tests share: random states, simulators, a backend."""

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.tape import QuantumScript
from qiskit.circuit import Measure, Parameter
from qiskit.circuit.library import CZGate, RXGate, RZGate
from qiskit.providers import BackendV2, Options
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.transpiler import Target


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small products are quicker on one thread, many times so while other workers run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def rng():
    return np.random.default_rng(42)


@pytest.fixture(scope="session")
def random_density_matrix():
    """A function that draws a mixed state that is entangled across all its wires."""

    def draw(rng, num_wires, batch_size=None):
        shape = (2**num_wires, 2**num_wires)
        shape = shape if batch_size is None else (batch_size, *shape)
        root = rng.normal(size=shape) + 1j * rng.normal(size=shape)
        matrix = root @ root.conj().swapaxes(-1, -2)
        return matrix / np.trace(matrix, axis1=-2, axis2=-1)[..., None, None]

    return draw


@pytest.fixture(scope="session")
def execute():
    """A function that runs one tape on a device, all of the device's preprocessing included."""

    def run(device, operations, measurements, shots=None):
        tape = QuantumScript(operations, measurements, shots=shots)
        (result,) = qml.execute([tape], device, diff_method=None)
        return result

    return run


@pytest.fixture(scope="session")
def dense_channel():
    """A function that applies Kraus operators to some wires of a density matrix, with numpy."""

    def apply(kraus, matrix, positions):
        n, k = len(matrix).bit_length() - 1, len(positions)
        axes = [*positions, *(n + p for p in positions)]
        tensor = np.moveaxis(matrix.reshape((2,) * (2 * n)), axes, range(2 * k))
        rest = tensor.shape[2 * k :]
        blocks = tensor.reshape(2**k, 2**k, -1)
        image = sum(np.einsum("ij,jkr,lk->ilr", m, blocks, np.conj(m)) for m in kraus)
        image = np.moveaxis(image.reshape((2,) * (2 * k) + rest), range(2 * k), axes)
        return image.reshape(matrix.shape)

    return apply


@pytest.fixture(scope="session")
def torch_gradient():
    """A function that gives a measurement, summed over, and its gradient by backpropagation."""

    def run(device, operations, measurement, value, num_wires=2):
        x = torch.tensor(value, dtype=torch.float64, requires_grad=True)

        @qml.qnode(qml.device(device, wires=num_wires), interface="torch", diff_method="backprop")
        def circuit(parameters):
            for operation in operations(parameters):
                qml.apply(operation)
            return qml.apply(measurement)

        result = circuit(x)
        result.sum().backward()
        return result.detach().numpy(), x.grad.numpy()

    return run


class PlainBackend(BackendV2):
    """Three ideal qubits of a provider that is neither IBM nor Aer.

    ``failures`` are raised by the next calls of ``run``, one each, before anything runs.
    """

    def __init__(self, max_circuits=None, failures=()):
        super().__init__(name="plain")
        self.failures = list(failures)
        self.runs = []
        self._max_circuits = max_circuits
        self._target = Target(num_qubits=3)
        for gate in (RXGate(Parameter("t")), RZGate(Parameter("t")), Measure()):
            self._target.add_instruction(gate, {(i,): None for i in range(3)})
        self._target.add_instruction(CZGate(), {(0, 1): None, (1, 2): None})

    @property
    def target(self):
        return self._target

    @property
    def max_circuits(self):
        return self._max_circuits

    @classmethod
    def _default_options(cls):
        return Options(shots=1024)

    def run(self, circuits, **options):
        if self.failures:
            raise self.failures.pop(0)
        self.runs.append(options)
        return BasicSimulator().run(circuits, **options)


@pytest.fixture(scope="session")
def plain_backend():
    """The class of a BackendV2 that knows nothing of IBM."""
    return PlainBackend
