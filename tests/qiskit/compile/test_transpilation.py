"""What is compiled, how often, and for which gates."""

import numpy as np
import pytest
from pennylane.exceptions import DeviceError
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import HGate, RXGate
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.transpiler import Target, TranspilerError
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from pennylane_qizgloria.qiskit.compile import transpilation as compiling
from pennylane_qizgloria.qiskit.compile.structures import ParametrisedCircuit
from pennylane_qizgloria.qiskit.compile.transpilation import AER_MISBINDS, Compiler, preset_passes


def source(gate="rx"):
    circuit = QuantumCircuit(2)
    circuit.h(0)
    angle = Parameter("t")
    getattr(circuit, gate)(angle, *range(2 if gate.startswith("c") else 1))
    return ParametrisedCircuit(circuit, ())


def test_each_structure_is_compiled_once():
    """A training loop would transpile in every step."""
    compiler = Compiler(preset_passes(FakeManilaV2(), 1, 1, None))
    made = []

    def make():
        made.append(source())
        return made[-1]

    first, again, other = (compiler.compiled(key, make) for key in ("a", "a", "b"))
    assert first is again
    assert other is not first
    assert len(made) == compiler.transpilations == 2


def test_those_used_longest_ago_go_first(monkeypatch):
    """Memory would grow without end, or what is in use be compiled again."""
    monkeypatch.setattr(compiling, "MAX_CACHED", 2)
    compiler = Compiler(None)
    kept = {key: compiler.compiled(key, source) for key in "ab"}
    assert compiler.compiled("a", source) is kept["a"]
    compiler.compiled("c", source)
    assert compiler.compiled("a", source) is kept["a"]
    assert compiler.compiled("b", source) is not kept["b"]


def test_without_a_backend_nothing_is_transpiled():
    """Given primitives would get circuits for a backend that they do not have."""
    assert preset_passes(None, 1, None, None) is None
    compiler, own = Compiler(None), source()
    assert compiler.compiled("a", lambda: own).circuit is own.circuit
    assert compiler.transpilations == 0


@pytest.mark.parametrize("gate", ["cp", "crx", "cry", "crz"])
def test_gates_that_aer_misbinds_are_rewritten(gate):
    """Aer would ignore the angle, without a word."""
    passes = preset_passes(AerSimulator(), 1, 1, None)
    compiled = passes.run(source(gate).circuit)
    assert not AER_MISBINDS & set(compiled.count_ops())
    bound = [circuit.assign_parameters([0.7]) for circuit in (compiled, source(gate).circuit)]
    one, other = (Statevector(circuit) for circuit in bound)
    assert abs(np.vdot(one.data, other.data)) == pytest.approx(1)


def test_other_gates_of_aer_stay():
    """Circuits would be longer than they need be."""
    passes = preset_passes(AerSimulator(), 1, 1, None)
    circuit = QuantumCircuit(3)
    circuit.rxx(Parameter("t"), 0, 2)
    circuit.ccx(0, 1, 2)
    assert dict(passes.run(circuit).count_ops()) == {"rxx": 1, "ccx": 1}


@pytest.mark.parametrize(
    ("make", "texts"),
    [
        (
            lambda: Compiler(preset_passes(AerSimulator(), None, 1, None, "alap")),
            ["1 h, 1 rx", "Duration of", "leave scheduling_method out"],
        ),
        (
            lambda: Compiler(preset_passes(FakeManilaV2(), 1, 1, [0])),
            ["The circuit on 2 qubits", "initial_layout"],
        ),
        (
            lambda: Compiler(preset_passes(one_qubit(), 1, 1, None)),
            ["fewer wires, or a larger backend", "Number of qubits greater than device"],
        ),
    ],
    ids=["no durations", "layout", "too wide"],
)
def test_circuits_that_cannot_be_compiled(make, texts):
    """The error says which circuit it is, what Qiskit says, and what to do."""
    with pytest.raises(DeviceError, match="could not be compiled") as raised:
        make().compiled("a", source)
    assert isinstance(raised.value.__cause__, TranspilerError)
    for text in texts:
        assert text in str(raised.value)


def one_qubit():
    target = Target(num_qubits=1)
    for gate in (HGate(), RXGate(Parameter("t"))):
        target.add_instruction(gate, {(0,): None})
    return target


def test_observables_follow_the_qubits():
    """An observable would be measured on qubits where the circuit is not."""
    compiler = Compiler(preset_passes(FakeManilaV2(), 1, 1, [3, 1]))
    compiled = compiler.compiled("a", source)
    mapped = compiled.on_qubits(SparsePauliOp("XZ"))
    assert mapped == SparsePauliOp.from_sparse_list([("ZX", [3, 1], 1.0)], num_qubits=5)
    plain = Compiler(None).compiled("a", source)
    assert plain.on_qubits(SparsePauliOp("XZ")) == SparsePauliOp("XZ")
