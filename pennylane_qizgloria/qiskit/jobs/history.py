"""The records of a device's jobs, bounded in number and safe to use from several threads.

Records are kept in the order in which the jobs were sent. Of jobs that have ended only the latest
are kept; those under way are kept in any number. Each change takes constant time.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from .job_status import FINAL
from .records import JobRecord

MAX_ENDED = 1000
"""How many jobs that have ended a device has records of."""


class JobHistory:
    """Records of jobs.

    Args:
        max_ended: how many jobs that have ended are kept; those that ended first go first.

    >>> history = JobHistory(max_ended=1)
    >>> history.update(JobRecord("a", "aer", "sampler", pubs=1, shots=10))
    True
    >>> history.update(JobRecord("a", "aer", "sampler", pubs=1, shots=10, status="DONE"))
    False
    >>> [(record.job_id, record.status) for record in history.records()]
    [('a', 'DONE')]
    """

    def __init__(self, max_ended: int = MAX_ENDED) -> None:
        self._max_ended = max_ended
        self._records: dict[str, JobRecord] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def update(self, record: JobRecord) -> bool:
        """Add the record of a new job, or replace that of a known one.

        Args:
            record: of a job in any state. If it has ended and is unknown, it has been dropped
                before, and is not added again.

        Returns:
            Whether the job is new.
        """
        has_ended = record.status in FINAL
        with self._lock:
            is_new = record.job_id not in self._records
            if is_new and has_ended:
                return False
            self._records[record.job_id] = record
            if has_ended:
                self._ended[record.job_id] = None
            else:
                self._ended.pop(record.job_id, None)
            if len(self._ended) > self._max_ended:
                oldest, _ = self._ended.popitem(last=False)
                del self._records[oldest]
        return is_new

    def records(self) -> list[JobRecord]:
        """The records, in the order in which the jobs were sent."""
        with self._lock:
            return list(self._records.values())
