"""What is relied on of Qiskit and Aer although it is not public."""

from concurrent.futures import Future

import numpy as np
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


class Recording(AerSimulator):
    """A simulator that notes the options of its runs."""

    def __init__(self):
        super().__init__()
        self.runs = []

    def run(self, circuits, **options):
        self.runs.append(options)
        return super().run(circuits, **options)


def test_aers_sampler_runs_on_the_backend_that_it_is_given():
    """The backend gets the circuits, the shots and the seed, and its result is read."""
    backend = Recording()
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    sampler = compat.make_aer_sampler(backend, seed=3)
    result = sampler.run([circuit], shots=5).result()
    assert result[0].data.meas.get_counts() == {"0": 5}
    assert (backend.runs[0]["shots"], backend.runs[0]["seed_simulator"]) == (5, 3)
    assert compat.hidden_backend_of(sampler) is backend


def test_aers_estimator_asks_for_the_options_of_each_pub():
    """Each PUB of a job is run once, with the options that it is given."""
    backend, asked = Recording(), []

    def options_of(pub):
        asked.append(pub)
        return {"seed_simulator": len(asked)}

    estimator = compat.make_aer_estimator(backend, options_of, options={"default_precision": 0.5})
    circuits = [QuantumCircuit(1), QuantumCircuit(2)]
    pubs = [(circuits[0], "Z"), (circuits[1], "ZZ", None, 0.0)]
    results = estimator.run(pubs).result()
    assert [pub.circuit.num_qubits for pub in asked] == [1, 2]
    assert [pub.precision for pub in asked] == [0.5, 0.0]
    assert [options["seed_simulator"] for options in backend.runs] == [1, 2]
    assert results[1].data.evs == 1
    # The noise of a precision starts from the seed among the options.
    assert results[0].data.evs == np.random.default_rng(1).normal(1, 0.5)
