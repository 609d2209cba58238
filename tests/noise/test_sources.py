"""How the twin of a source of noise is compiled for, and options that have no effect there."""

import pennylane as qml
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import BoxOp, CircuitInstruction, QuantumRegister
from qiskit.quantum_info import PauliLindbladMap
from qiskit.transpiler import PassManager, generate_preset_pass_manager
from qiskit_ibm_runtime.fake_provider import FakeLagosV2, FakeManilaV2


def learned():
    """Learned noise of one layer, which says nothing about a backend."""
    body = QuantumCircuit(2)
    body.cx(0, 1)
    instruction = CircuitInstruction(BoxOp(body), QuantumRegister(2, "q"))
    return [(instruction, PauliLindbladMap.from_list([("ZZ", 0.05)]))]


def make(source, **options):
    return qml.device("qizgloria.mixed", wires=2, noise_model=source, **options)


PRESET = [{"optimization_level": 0}, {"seed_transpiler": 1}, {"scheduling_method": "asap"}]


@pytest.mark.parametrize("option", PRESET, ids=str)
@pytest.mark.parametrize(
    ("source", "given", "message"),
    [
        ("fake_manila", {"pass_manager": PassManager()}, "pass_manager compiles in their place"),
        (learned(), {}, "there is nothing to compile for"),
    ],
    ids=["pass manager", "learned noise"],
)
def test_options_of_passes_that_do_not_run(source, given, message, option):
    """Options of Qiskit's preset passes are refused where these do not compile."""
    (name,) = option
    with pytest.raises(ValueError, match=rf"^qizgloria.mixed: {name}=.*{message}"):
        make(source, **given, **option)
    make(source, **given)


def test_a_compile_backend_beside_a_pass_manager():
    """Two answers to what compiles the circuits are refused."""
    with pytest.raises(ValueError, match="compile_backend='fake_lagos' has no effect"):
        make("fake_manila", pass_manager=PassManager(), compile_backend=FakeLagosV2())


def test_a_compile_backend_that_says_how_long_dt_is():
    """Beside a pass manager it gives the unit of delays to noise that does not know it."""
    backend = FakeManilaV2()
    passes = generate_preset_pass_manager(
        0, backend, scheduling_method="alap", initial_layout=[0, 1], seed_transpiler=1
    )
    device = make(learned(), pass_manager=passes, compile_backend=backend)

    @qml.qnode(device)
    def qnode():
        qml.X(0)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(0))

    assert qnode() == pytest.approx(-1)
