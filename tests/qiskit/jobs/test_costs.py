"""What PUBs cost."""

from qiskit.circuit import QuantumCircuit

from pennylane_qizgloria.qiskit.jobs.costs import Cost, PubCost, num_bases, pub_cost


def test_costs_add_up():
    """Each number of the sum is a sum."""
    assert Cost(1, 2, 3, 4) + Cost(10, 20, 30, 40) == Cost(11, 22, 33, 44)


def test_bases_of_projectors():
    """Qiskit's projectors are measured in the bases of their letters."""
    assert num_bases(["0Z", "1I", "+r", "-Y"]) == 2


def test_pubs_of_anyone():
    """Whatever Qiskit takes for a PUB has a cost; exact values have no shots."""
    circuit = QuantumCircuit(1)
    assert pub_cost((circuit, ["Z", "X"]), "estimator", {"precision": 0.1}) == PubCost(2, 100)
    assert pub_cost((circuit, "Z"), "estimator", {}) == PubCost(1, None)
    assert pub_cost(circuit, "sampler", {"shots": 7}) == PubCost(1, 7)
