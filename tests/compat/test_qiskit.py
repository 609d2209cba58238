"""What is relied on of Qiskit and Aer although it is not public."""

from concurrent.futures import Future

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorSampler
from qiskit_aer import AerSimulator
from qiskit_aer.noise import PauliLindbladError, depolarizing_error
from qiskit_aer.primitives import EstimatorV2, SamplerV2

from pennylane_qizgloria._compat import qiskit as compat


def test_operations_of_an_expression():
    """Each operation has a name and operands, which are parameters, numbers or None."""
    x, y = Parameter("x"), Parameter("y")
    steps = compat.operations_of((2 * x).sin() + y)
    assert [str(step.op).rpartition(".")[2] for step in steps] == ["MUL", "SIN", "ADD"]
    assert {steps[0].lhs, steps[0].rhs} == {2, x}
    assert steps[1].rhs is None or steps[1].lhs is None


def test_errors_of_instructions():
    """An instruction of Aer's has its error; others have none."""
    error = depolarizing_error(0.1, 1)
    assert compat.quantum_error_of(error.to_instruction()) == error
    lindblad = PauliLindbladError(["X"], [0.1])
    circuit = QuantumCircuit(1)
    circuit.append(lindblad, [0])
    assert hasattr(compat.quantum_error_of(circuit.data[0].operation), "generators")
    circuit.x(0)
    assert compat.quantum_error_of(circuit.data[1].operation) is None


def test_futures_of_jobs():
    """A job of this process is a future; what is no job has none."""
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    job = StatevectorSampler().run([circuit])
    assert isinstance(compat.future_of(job), Future)
    assert compat.future_of(object()) is None


def test_backends_of_aers_primitives():
    """Aer's primitives hold the backend that they were made from."""
    backend = AerSimulator()
    for kind in (SamplerV2, EstimatorV2):
        assert compat.hidden_backend_of(kind.from_backend(backend)) is not None
    assert compat.hidden_backend_of(StatevectorSampler()) is None
