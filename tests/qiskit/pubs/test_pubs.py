"""Which rows go together, and which values their parameters have."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.tape import QuantumScript
from qiskit.circuit import ClassicalRegister
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import RemoveDiagonalGatesBeforeMeasure

from pennylane_qizgloria.qiskit.compile.structures import parametrise
from pennylane_qizgloria.qiskit.compile.transpilation import Compiler
from pennylane_qizgloria.qiskit.pubs.pubs import PubBuilder, PubCollection

VALUES = np.arange(12.0).reshape(6, 2)


OPERATIONS = (qml.RX(0.1, 0), qml.RZ(0.2, 0))


def compiled(passes=None, operations=OPERATIONS):
    def make():
        ready = parametrise(QuantumScript(operations), [0])
        ready.circuit.add_register(ClassicalRegister(1, "meas"))
        ready.circuit.measure(0, 0)
        return ready

    return Compiler(passes).compiled("key", make)


def values_of(chunk):
    """The values of a chunk's parameters, in the order of the circuit's."""
    circuit, bindings = chunk.pub[0], chunk.pub[-2]
    return bindings.as_array(circuit.parameters)


def test_tapes_get_the_rows_that_follow_one_another():
    """Results would be exchanged between circuits."""
    pub = PubBuilder(3, compiled(), 100)
    assert [pub.add(own) for own in (VALUES[:1], VALUES[1:4], VALUES[4:])] == [
        slice(0, 1),
        slice(1, 4),
        slice(4, 6),
    ]
    (chunk,) = pub.chunks()
    assert (chunk.number, chunk.rows, chunk.shots, chunk.total_shots) == (3, 6, 100, 600)
    np.testing.assert_array_equal(values_of(chunk), VALUES)


@pytest.mark.parametrize(
    ("max_shots", "sizes"),
    [(None, [6]), (600, [6]), (599, [5, 1]), (250, [2, 2, 2]), (100, [1] * 6), (1, [1] * 6)],
)
def test_rows_are_parted_where_a_job_cannot_hold_them(max_shots, sizes):
    """A service would refuse the job, or rows be lost or run twice."""
    pub = PubBuilder(0, compiled(), 100)
    pub.add(VALUES)
    chunks = list(pub.chunks(max_shots))
    assert [chunk.rows for chunk in chunks] == sizes
    assert [chunk.pub[1].shape for chunk in chunks] == [(size,) for size in sizes]
    np.testing.assert_array_equal(np.concatenate([values_of(chunk) for chunk in chunks]), VALUES)


def test_an_estimators_part_has_its_observables_for_each_row():
    """Observables would be paired with rows, or the precision be lost."""
    observables = (SparsePauliOp("Z"), SparsePauliOp("X"))
    pub = PubBuilder(0, compiled(), 0.1, observables)
    pub.add(VALUES)
    (chunk,) = pub.chunks()
    _, mapped, bindings, precision = chunk.pub
    assert mapped == [[SparsePauliOp("Z")], [SparsePauliOp("X")]]
    assert (bindings.shape, precision) == ((6,), 0.1)


@pytest.mark.parametrize("operations", [(), (qml.RZ(0.3, 0),)], ids=["none", "removed"])
def test_rows_without_parameters_go_alone(operations):
    """Aer runs such rows once, and gives noughts for all but the first."""
    passes = PassManager([RemoveDiagonalGatesBeforeMeasure()])
    pub = PubBuilder(0, compiled(passes, operations), 10)
    pub.add(VALUES[:3, : len(operations)])
    chunks = list(pub.chunks())
    assert [(chunk.rows, chunk.pub[1].shape, chunk.pub[1].num_parameters) for chunk in chunks] == [
        (1, (1,), 0)
    ] * 3


def test_what_a_compiler_removes_is_not_bound():
    """The primitive would refuse values of parameters that the circuit does not have."""
    passes = PassManager([RemoveDiagonalGatesBeforeMeasure()])
    pub = PubBuilder(0, compiled(passes), 10)
    pub.add(VALUES)
    (chunk,) = pub.chunks()
    np.testing.assert_array_equal(values_of(chunk), VALUES[:, :1])


def test_a_key_is_one_pub():
    """Circuits would be sent twice, or share rows with others."""
    pubs, own = PubCollection(), compiled()
    found = [pubs.get(key, own, 10) for key in ("a", "b", "a")]
    assert found[0] is found[2]
    assert [pub.number for pub in pubs] == [0, 1]
    assert list(pubs) == found[:2]
