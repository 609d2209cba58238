"""What a device on Qiskit does with its jobs: sessions, interrupted calls, costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import get_ident
from typing import Any

import pennylane as qml
from pennylane.devices import Device
from pennylane.devices.modifiers import simulator_tracking
from pennylane.exceptions import DeviceError
from pennylane.tape import QuantumScript

from ..qiskit.jobs.costs import Cost
from ..qiskit.jobs.history import JobHistory
from ..qiskit.jobs.records import JobRecord
from ..qiskit.primitives import primitives
from ..qiskit.pubs.blank_results import blank_result
from ..qiskit.pubs.pubs import TapePlan
from ..qiskit.pubs.submission import JobSpec, Submission, cost_of
from ..results import Result, unwrapped


def tracks_derivatives(kind: type[Device]) -> type[Device]:
    """PennyLane's tracking for a device that tracks its own executions.

    PennyLane counts executions by observables; this device knows which circuits run.
    """
    execute = kind.execute
    tracked = simulator_tracking(kind)
    tracked.execute = execute
    return tracked


@dataclass
class _Estimate:
    """The costs of calls that are not sent, made by one thread."""

    thread: int = field(default_factory=get_ident)
    total: Cost = field(default_factory=Cost)


class JobControl(Device):
    """The part of the device that is about jobs."""

    backend: Any
    _history: JobHistory
    _options: dict[str, Any]
    _primitives: primitives.Primitives
    _given: bool
    _unfinished: list[Submission[tuple[Result, ...]]]
    _estimate: _Estimate | None = None

    @property
    def jobs(self) -> list[JobRecord]:
        """What is known of the device's jobs, in the order in which they were sent.

        All jobs under way are listed, and of those that have ended the latest 1000.
        """
        return self._history.records()

    # --- costs ------------------------------------------------------------------------------------

    def estimate(
        self,
        call: QuantumScript | Sequence[QuantumScript] | Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Cost:
        """What a call would cost, without sending any job.

        A function is called with the arguments, and what it runs on this device gives zeros of
        the right shape (empty counts) instead of results: gradients that it leaves behind are
        those of zeros. Backends with other devices run as ever.

        Args:
            call: one or several tapes; or a function that runs circuits on this device, such as
                a QNode or a whole training step.
            args: of the function.
            kwargs: of the function.

        Returns:
            The numbers of jobs, PUBs, executions and shots, as ``dev.jobs`` and ``qml.Tracker``
            count them when the call is made.

        Raises:
            DeviceError: if another thread calls the device meanwhile.

        **Example**

        >>> dev = qml.device("qizgloria.qiskit", wires=2, backend="aer")
        >>> @qml.set_shots(100)
        ... @qml.qnode(dev)
        ... def circuit(x):
        ...     qml.RX(x, wires=0)
        ...     return qml.expval(qml.Z(0)), qml.expval(qml.X(0))
        >>> dev.estimate(circuit, np.array([0.1, 0.2, 0.3]))
        Cost(jobs=1, pubs=2, executions=6, total_shots=600)
        >>> dev.jobs
        []
        """
        tracker, active = self.tracker, self.tracker.active
        estimate, self._estimate = _Estimate(), None
        tracker.active, self._estimate = False, estimate
        try:
            if isinstance(call, QuantumScript):
                call = [call]
            if callable(call):
                call(*args, **kwargs)
            else:
                qml.execute(list(call), self, diff_method=None)
        finally:
            tracker.active, self._estimate = active, None
        return estimate.total

    def _estimated(
        self, specs: Sequence[JobSpec], circuits: Sequence[QuantumScript]
    ) -> tuple[Result, ...]:
        """Note the cost of a call, and give results without numbers."""
        if self._estimate is None or self._estimate.thread != get_ident():
            raise DeviceError(
                f"{self.name} is estimating a cost in another thread, where results are zeros. "
                "Wait until dev.estimate returns, or use a device for each thread."
            )
        self._estimate.total += cost_of(specs)
        return tuple(blank_result(tape, self.wires) for tape in circuits)

    def _track(
        self,
        circuits: Sequence[QuantumScript],
        results: Sequence[Result],
        plans: Sequence[TapePlan | None],
    ) -> None:
        """Tell the tracker of the circuits of a call; those without a plan ran without a job."""
        if not self.tracker.active:
            return
        self.tracker.update(batches=1)
        self.tracker.record()
        for tape, result, plan in zip(circuits, results, plans, strict=True):
            executions = (tape.batch_size or 1) if plan is None else plan.executions
            shots = {"shots": plan.total_shots} if plan is not None and tape.shots else {}
            specs = tape.specs
            self.tracker.update(
                simulations=1,
                executions=executions,
                results=result,
                resources=specs["resources"],
                errors=specs["errors"],
                **shots,
            )
            self.tracker.record()

    def _note(self, record: JobRecord) -> None:
        """Keep what is known of a job, and tell the tracker of a new one."""
        if self._history.update(record) and self.tracker.active:
            self.tracker.update(
                jobs=1, job_id=record.job_id, backend=record.backend, pubs=record.pubs
            )
            self.tracker.record()

    # --- interrupted calls ------------------------------------------------------------------------

    def resume(self, job_id: str) -> Result:
        """The results of a call that was interrupted, once its jobs have finished.

        They come in the shape in which the call would have returned them to PennyLane, as numpy
        arrays: for one circuit its results, as its QNode returns them; for several circuits a
        tuple with those of each. Of a QNode that PennyLane runs as several circuits, for one of
        its transforms or for measurements that no job can serve together, it is these circuits'
        results; of a gradient, those of the shifted circuits.

        Args:
            job_id: of any of the call's jobs; they are named when a call is interrupted.

        Raises:
            KeyError: if no unfinished call of this device had such a job.
            JobError: if a job has failed. Then the call is given up.
            TimeoutError: as for `execute`.
        """
        for submission in tuple(self._unfinished):
            if job_id in submission.job_ids:
                return unwrapped(self._finish(submission))
        known = ", ".join(own for submission in self._unfinished for own in submission.job_ids)
        raise KeyError(
            f"{self.name} has no unfinished call with the job {job_id!r}. "
            + (f"Its unfinished calls have the jobs {known}. " if known else "")
            + "The results of a job of another process are what "
            "pennylane_qizgloria.qiskit.jobs.runner.fetch_job gives."
        )

    def _finish(self, submission: Submission[tuple[Result, ...]]) -> tuple[Result, ...]:
        try:
            return submission.results()
        finally:
            if not submission.can_resume:
                self._unfinished.remove(submission)

    # --- sessions ---------------------------------------------------------------------------------

    @contextmanager
    def session(self, max_time: int | str | None = None) -> Iterator[JobControl]:
        """Keep one session open for all calls inside; it is closed on any exit.

        Backends without sessions, such as simulators, run the calls as ever.

        Args:
            max_time: how long it may stay open, in seconds or as ``"2h 30m"``.

        Raises:
            ValueError: if ``max_time`` is no such time.
        """
        with self._bound(lambda: primitives.open_session(self.backend, max_time, **self._options)):
            yield self

    @contextmanager
    def batch(self) -> Iterator[JobControl]:
        """Run all calls inside as one batch, without waiting between its jobs in the queue."""
        with self._bound(lambda: primitives.open_batch(self.backend, **self._options)):
            yield self

    @contextmanager
    def _bound(self, open_mode: Callable[[], Any]) -> Iterator[None]:
        if self._given:
            raise DeviceError(
                f"{self.name} was given primitives; open the session that they belong to yourself."
            )
        with open_mode() as own:
            before, self._primitives = self._primitives, own
            try:
                yield
            finally:
                self._primitives = before
