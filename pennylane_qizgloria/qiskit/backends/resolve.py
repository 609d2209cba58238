"""Which backend a name stands for, and what a backend can do.

A backend is a Qiskit ``BackendV2`` of any provider. Aer and IBM's client are imported when a name
asks for them, and never to look at a backend: one of theirs cannot exist without them.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from functools import cache
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.providers.exceptions import QiskitBackendNotFoundError

from ..._compat.qiskit import hidden_backend_of
from .checked_backend import CheckedBackend

ACCOUNT_HELP = """\
there is no saved IBM Quantum account. Save one, once and for all, with

    from qiskit_ibm_runtime import QiskitRuntimeService
    QiskitRuntimeService.save_account(token="<your API key>", instance="<your instance's CRN>")

Both are on the dashboard of the IBM Quantum Platform. Without an account there are backend="aer"
and the fake backends, such as backend="fake_manila"."""


def resolve_backend(
    spec: object,
    *,
    seed: int | None = None,
    method: str | None = None,
    noise_model: Any = None,
    device: str | None = None,
    min_num_qubits: int | None = None,
    caller: str | None = None,
    **account: Any,
) -> BackendV2:
    """The backend that is meant.

    Args:
        spec: a ``BackendV2``, which is returned as it is, or a name: ``"aer"``; ``"fake_<name>"``,
            a fake backend of IBM's client, such as ``"fake_manila"``; ``"ibm_<name>"``;
            ``"least_busy"``, the IBM machine with the shortest queue.
        seed: Aer's ``seed_simulator``. It starts every job anew; the seed of
            :func:`~.primitives.choose_primitives` goes on from job to job. Others ignore it.
        method: Aer's simulation method, such as ``"density_matrix"``; only with ``"aer"``.
        noise_model: a ``qiskit_aer.noise.NoiseModel``; only with ``"aer"``.
        device: ``"CPU"`` or ``"GPU"``; only with ``"aer"``.
        min_num_qubits: the fewest qubits that ``"least_busy"`` may choose.
        caller: the name of the device that asks, for the message where there is no account.
        account: arguments of ``QiskitRuntimeService`` (``channel``, ``instance``, ``name``, ...),
            where another account is meant than the saved one; only with IBM's machines.

    Raises:
        TypeError: if ``spec`` is neither a ``BackendV2`` nor a name.
        ValueError: if there is no backend of that name (the message lists the near ones), or if
            an argument does not belong to it.
        RuntimeError: if IBM is asked for and there is no saved account.

    >>> resolve_backend("fake_manila").num_qubits
    5
    >>> resolve_backend("fake_manilla")
    Traceback (most recent call last):
      ...
    ValueError: There is no backend 'fake_manilla'. Did you mean 'fake_manila', ...
    """
    if not isinstance(spec, BackendV2 | str):
        raise TypeError(
            "backend must be a BackendV2 object or one of the names 'aer', 'fake_<name>', "
            f"'ibm_<name>' and 'least_busy'; got {type(spec).__name__}."
        )
    aer = {"method": method, "noise_model": noise_model, "device": device}
    aer = {name: value for name, value in aer.items() if value is not None}
    ibm = spec == "least_busy" or (isinstance(spec, str) and spec.startswith("ibm_"))
    if isinstance(spec, str) and not (ibm or spec == "aer" or spec in _fake_backends()):
        raise _unknown(spec, ["aer", "least_busy", *_fake_backends()])
    if aer and spec != "aer":
        raise ValueError(f"{_listed(aer)} can be given with backend='aer' only, not {spec!r}.")
    if account and not ibm:
        raise ValueError(
            f"{_listed(account)} can be given with an IBM backend or 'least_busy' only, "
            f"not {spec!r}."
        )
    if isinstance(spec, BackendV2):
        return _ready(spec)
    if spec == "aer":
        return _aer_backend(aer if seed is None else {**aer, "seed_simulator": seed})
    if ibm:
        return _ibm_backend(spec, min_num_qubits, caller, account)
    return _ready(_fake_backends()[spec]())


def _ready(backend: BackendV2) -> BackendV2:
    """A backend that several threads may run circuits on at once.

    A fake backend makes its simulator in its first run, and gives it its noise a moment later; a
    second run in between, that of the other primitive, would be without noise.
    """
    fakes = sys.modules.get("qiskit_ibm_runtime.fake_provider.fake_backend")
    if fakes is not None and isinstance(backend, fakes.FakeBackendV2) and backend.sim is None:
        circuit = QuantumCircuit(1, 1)
        circuit.measure(0, 0)
        backend.run(circuit, shots=1).result()
    return backend


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names))


def _unknown(name: str, known: list[str]) -> ValueError:
    plain = name.lower()
    if plain.startswith("aer") or plain.endswith("simulator"):
        # As Qiskit has called Aer's simulators over the years.
        near = ["aer"]
    else:
        near = get_close_matches(plain, known, n=5, cutoff=0.5)
    hint = f" Did you mean {_listed(near)}?" if near else ""
    return ValueError(
        f"There is no backend {name!r}.{hint} A name is 'aer', 'fake_<name>', 'ibm_<name>' or "
        "'least_busy'; any BackendV2 object is taken too."
    )


def _aer_backend(options: dict[str, Any]) -> BackendV2:
    from qiskit_aer import AerSimulator

    method, known = options.get("method"), AerSimulator().available_methods()
    if method is not None and method not in known:
        raise ValueError(f"method={method!r}: Aer has {_listed(known)}.")
    device, present = options.get("device"), AerSimulator().available_devices()
    # Aer itself would complain when the first circuit runs.
    if device is not None and device not in present:
        raise ValueError(
            f"device={device!r}: Aer has {_listed(present)} here. For GPUs install the package "
            "qiskit-aer-gpu in place of qiskit-aer, on a machine that has one."
        )
    return AerSimulator(**options)


@cache
def _fake_backends() -> dict[str, Any]:
    """The classes of the fake backends by name."""
    from qiskit_ibm_runtime import fake_provider
    from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2

    classes: list[Any] = [
        value
        for value in vars(fake_provider).values()
        if isinstance(value, type) and issubclass(value, FakeBackendV2)
    ]
    return {kind.backend_name: kind for kind in classes if getattr(kind, "backend_name", None)}


def _ibm_backend(
    name: str, min_num_qubits: int | None, caller: str | None, account: dict[str, Any]
) -> BackendV2:
    from qiskit_ibm_runtime import QiskitRuntimeService
    from qiskit_ibm_runtime.accounts.exceptions import AccountNotFoundError

    try:
        service = QiskitRuntimeService(**account)
    except AccountNotFoundError:
        # Without the cause: whatever the client says about accounts stays with the client.
        device = "" if caller is None else f"{caller}: "
        raise RuntimeError(f"{device}{name!r} is IBM's, and {ACCOUNT_HELP}") from None
    if name == "least_busy":
        return service.least_busy(min_num_qubits=min_num_qubits, operational=True, simulator=False)
    try:
        return service.backend(name)
    except QiskitBackendNotFoundError:
        raise _unknown(name, [backend.name for backend in service.backends()]) from None


def backend_of(primitive: object) -> BackendV2 | None:
    """The backend that a primitive runs on, as far as it says."""
    found = getattr(primitive, "backend", None)
    if callable(found) and not isinstance(found, BackendV2):
        found = found()
    found = found or hidden_backend_of(primitive)
    if isinstance(found, CheckedBackend):
        found = found.backend
    return found if isinstance(found, BackendV2) else None


def is_aer(backend: object) -> bool:
    """Whether this is a simulator of Aer's, one that imitates a device included."""
    aer = sys.modules.get("qiskit_aer")
    return aer is not None and isinstance(backend, aer.AerSimulator)


def is_ibm(backend: object) -> bool:
    """Whether this is one of IBM's machines; a fake one is not."""
    runtime = sys.modules.get("qiskit_ibm_runtime")
    return runtime is not None and isinstance(backend, runtime.IBMBackend)


def supports_dynamic(backend: BackendV2) -> bool:
    """Whether the backend runs operations conditioned on outcomes measured before.

    >>> supports_dynamic(resolve_backend("aer"))
    True
    """
    return "if_else" in backend.target.operation_names


def pub_limit(backend: BackendV2) -> int | None:
    """The most circuits that the backend takes at once; None where it sets no bound."""
    return getattr(backend, "max_circuits", None) or None


def has_readout_error(backend: BackendV2 | None) -> bool:
    """Whether an Aer backend's noise model reads qubits wrongly."""
    if backend is None or not is_aer(backend):
        return False
    model = backend.options.get("noise_model")
    return model is not None and "measure" in model.noise_instructions
