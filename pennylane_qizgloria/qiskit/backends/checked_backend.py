"""Backends whose runs fail with the reason that the backend gives.

A simulator that fails reports it in ``Result.status`` and raises nothing. Primitives do not look
there, and fail on the shape of results that are missing.
"""

from __future__ import annotations

from typing import Any

from qiskit.providers import BackendV2, Options
from qiskit.result import Result
from qiskit.transpiler import Target


def require_success(backend_name: str, result: Result) -> Result:
    """The result of a run that succeeded.

    Args:
        backend_name: for the message.
        result: of all circuits of the run.

    Raises:
        RuntimeError: if the run failed; it says what the backend says of it.
    """
    if result.success:
        return result
    failed = [own.status for own in result.results if not own.success]
    # The same reason mostly holds for all circuits.
    reasons = dict.fromkeys(map(_sentence, [*failed] or [result.status]))
    raise RuntimeError(f"{backend_name} says: " + " ".join(reasons))


def _sentence(status: object) -> str:
    text = str(status).strip() or "no reason"
    return text if text.endswith(".") else f"{text}."


class CheckedBackend(BackendV2):
    """A backend that raises when a run has failed; everything else is the backend's own.

    Args:
        backend: that runs the circuits.

    >>> from qiskit.circuit import QuantumCircuit
    >>> from qiskit_aer import AerSimulator
    >>> wide = QuantumCircuit(60)
    >>> _ = wide.h(range(60))
    >>> wide.measure_all()
    >>> CheckedBackend(AerSimulator(method="statevector")).run(wide).result()
    Traceback (most recent call last):
      ...
    RuntimeError: aer_simulator_statevector says: ERROR: Insufficient memory to run circuit ...
    """

    def __init__(self, backend: BackendV2) -> None:
        super().__init__(name=backend.name)
        self.backend = backend

    @property
    def options(self) -> Options:
        """The backend's options, those that a user sets later included."""
        return self.backend.options

    @property
    def target(self) -> Target:
        """The backend's target."""
        return self.backend.target

    @property
    def max_circuits(self) -> int | None:
        """The most circuits that the backend takes at once."""
        return self.backend.max_circuits

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    def run(self, run_input: Any, **options: Any) -> Any:
        """The backend's job, whose result is checked."""
        return _CheckedJob(self.name, self.backend.run(run_input, **options))


class _CheckedJob:
    def __init__(self, backend_name: str, job: Any) -> None:
        self._backend_name = backend_name
        self._job = job

    def result(self) -> Result:
        """The result of a run that succeeded."""
        return require_success(self._backend_name, self._job.result())
