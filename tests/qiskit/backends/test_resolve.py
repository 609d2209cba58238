"""Names of backends, and what a backend can do."""

import numpy as np
import pennylane as qml
import pytest
import qiskit_ibm_runtime
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import IfElseOp
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from qiskit_ibm_runtime.accounts.exceptions import AccountNotFoundError
from qiskit_ibm_runtime.fake_provider import FakeManilaV2, FakeProviderForBackendV2, FakeSherbrooke

from pennylane_qizgloria.qiskit.backends import resolve as backends
from pennylane_qizgloria.qiskit.backends.resolve import (
    has_readout_error,
    is_aer,
    is_ibm,
    pub_limit,
    resolve_backend,
    supports_dynamic,
)


def test_a_backend_is_taken_as_it_is(plain_backend):
    """The user's own settings of a backend would be lost."""
    backend = plain_backend()
    assert resolve_backend(backend) is backend
    assert resolve_backend(backend, seed=3) is backend


@pytest.mark.parametrize(
    "spec", [None, 3, AerSimulator, object()], ids=["None", "number", "class", "object"]
)
def test_anything_else_is_refused_with_what_is_accepted(spec):
    """Users of an older provider would see an error from deep inside."""
    with pytest.raises(
        TypeError, match=r"BackendV2 object or one of the names 'aer', 'fake_<name>"
    ):
        resolve_backend(spec)


def test_aer_gets_its_options():
    """Noise, method or seed would be dropped without a word."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.5, 1), "x")
    backend = resolve_backend("aer", seed=7, method="density_matrix", noise_model=noise)
    assert backend.options.method == "density_matrix"
    assert backend.options.seed_simulator == 7
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    counts = [
        backend.run(transpile(circuit, backend), shots=4000).result().get_counts() for _ in range(2)
    ]
    assert counts[0] == counts[1]
    # The depolarizing channel turns the bit with probability 1/4.
    np.testing.assert_allclose(counts[0]["0"] / 4000, 0.25, atol=5 * np.sqrt(0.25 * 0.75 / 4000))


def test_a_device_reaches_aer():
    """A GPU would be asked for and the CPU used."""
    assert resolve_backend("aer", device="CPU").options.device == "CPU"
    with pytest.raises(ValueError, match=r"device='XPU'.* has 'CPU'"):
        resolve_backend("aer", device="XPU")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "statevector"}, r"'method' can be given with backend='aer' only"),
        ({"device": "GPU", "method": "statevector"}, r"'method', 'device' can be given"),
        ({"instance": "x"}, r"'instance' can be given with an IBM backend"),
    ],
)
def test_options_of_other_backends_are_refused(options, message):
    """The user would believe that an option has an effect."""
    for spec in ("fake_manila", FakeManilaV2()):
        with pytest.raises(ValueError, match=message):
            resolve_backend(spec, **options)


def test_every_fake_backend_has_a_name(monkeypatch):
    """A fake backend that IBM's client offers could not be named."""
    # To resolve all the names would run a circuit on each of them, and take minutes.
    monkeypatch.setattr(backends, "_ready", lambda backend: backend)
    for backend in FakeProviderForBackendV2().backends():
        assert type(resolve_backend(backend.name)) is type(backend)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("fake_manilla", "'fake_manila'"),
        ("fake_sherbroke", "'fake_sherbrooke'"),
        ("AER", "'aer'"),
        ("aer_simulator", "'aer'"),
        ("qasm_simulator", "'aer'"),
        ("statevector_simulator", "'aer'"),
        ("FAKE_MANILA", "'fake_manila'"),
        ("manila", "'fake_manila'"),
        ("least-busy", "'least_busy'"),
    ],
)
def test_unknown_names_get_the_near_ones(name, near):
    """A typing error would cost a search through the documentation."""
    with pytest.raises(ValueError, match=f"no backend '{name}'.*Did you mean.*{near}"):
        resolve_backend(name)


def test_names_near_to_none_get_the_forms_of_names():
    """The message would ask 'Did you mean ?'."""
    with pytest.raises(ValueError, match=r"'######'\. A name is 'aer', 'fake_<name>'"):
        resolve_backend("######")


def test_a_missing_account_is_explained_and_no_credential_shown(ibm_service):
    """The user would not know what to do, or find a token in a log."""
    ibm_service(error=AccountNotFoundError("no account for token=SECRET"))
    with pytest.raises(RuntimeError, match=r"QiskitRuntimeService\.save_account\(") as caught:
        resolve_backend("ibm_torino", token="SECRET")
    assert str(caught.value).startswith("'ibm_torino' is IBM's")
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_missing_account_names_the_device(ibm_service):
    """The error of a device says which device and backend want an account."""
    ibm_service(error=AccountNotFoundError("no account"))
    with pytest.raises(RuntimeError, match=r"^qizgloria.qiskit: 'ibm_torino' is IBM's"):
        qml.device("qizgloria.qiskit", wires=2, backend="ibm_torino")


def test_ibm_backends_come_from_the_account(ibm_service):
    """Another account or backend than the named one would be used."""
    torino, fez = GenericBackendV2(2), GenericBackendV2(3)
    torino.name, fez.name = "ibm_torino", "ibm_fez"
    calls = ibm_service(torino, fez)
    assert resolve_backend("ibm_torino", instance="mine") is torino
    assert calls == [("account", {"instance": "mine"})]
    with pytest.raises(ValueError, match=r"no backend 'ibm_turino'.*Did you mean 'ibm_torino'"):
        resolve_backend("ibm_turino")


def test_least_busy_asks_for_a_machine_of_that_size(ibm_service):
    """A simulator, a machine under repair or one that is too small would be chosen."""
    backend = GenericBackendV2(2)
    calls = ibm_service(backend)
    assert resolve_backend("least_busy", min_num_qubits=100) is backend
    conditions = {"min_num_qubits": 100, "operational": True, "simulator": False}
    assert calls[-1] == ("least_busy", conditions)


def test_aer_and_ibm_are_told_apart(plain_backend):
    """A backend would get the primitives of another provider."""
    assert is_aer(AerSimulator())
    assert is_aer(AerSimulator.from_backend(FakeManilaV2()))
    for backend in (plain_backend(), FakeManilaV2(), None, "aer"):
        assert not is_aer(backend)
        assert not is_ibm(backend)
    machine = qiskit_ibm_runtime.IBMBackend.__new__(qiskit_ibm_runtime.IBMBackend)
    assert is_ibm(machine)
    assert not is_aer(machine)


def test_dynamic_circuits_are_seen_in_the_target(plain_backend):
    """Control flow would be sent to a backend that cannot run it."""
    assert not supports_dynamic(plain_backend())
    assert supports_dynamic(AerSimulator())
    assert supports_dynamic(FakeSherbrooke())
    backend = plain_backend()
    backend.target.add_instruction(IfElseOp, name="if_else")
    assert supports_dynamic(backend)


def test_limits_are_what_the_backend_states(plain_backend):
    """Jobs would be too big, or split without need."""
    assert pub_limit(plain_backend()) is None
    assert pub_limit(plain_backend(max_circuits=4)) == 4


def noise_model(*qubits, kind="readout"):
    """A noise model with one error, on some qubits or on all."""
    model = NoiseModel()
    error = {"readout": ReadoutError([[0.9, 0.1], [0.2, 0.8]]), "gate": depolarizing_error(0.1, 1)}
    where = {"readout": "readout_error", "gate": "quantum_error"}[kind]
    names = () if kind == "readout" else ("x",)
    if qubits:
        getattr(model, f"add_{where}")(error[kind], *names, list(qubits))
    else:
        getattr(model, f"add_all_qubit_{where}")(error[kind], *names)
    return model


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (None, False),
        (NoiseModel(), False),
        (noise_model(kind="gate"), False),
        (noise_model(), True),
        (noise_model(1), True),
    ],
    ids=["none", "empty", "gates", "all qubits", "one qubit"],
)
def test_readout_error_is_seen(model, expected):
    """Aer's estimator would be used, which leaves it out."""
    assert has_readout_error(AerSimulator(noise_model=model)) is expected


def test_readout_error_is_aers(plain_backend):
    """A backend without a noise model would be asked for one."""
    assert not has_readout_error(plain_backend())
    assert not has_readout_error(None)
    assert has_readout_error(AerSimulator.from_backend(FakeManilaV2()))
