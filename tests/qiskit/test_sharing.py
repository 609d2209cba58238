"""How PUBs are shared out among jobs."""

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from pennylane_qizgloria.qiskit.pubs import Part
from pennylane_qizgloria.qiskit.sharing import Limits, shares

bounds = st.none() | st.integers(1, 50)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 10))), bounds, bounds)
def test_no_job_holds_too_much_or_too_little(sizes, pubs, executions):
    """A service would refuse a job, or a job wait in the queue without need."""
    parts = [Part(i, (), rows, shots) for i, (rows, shots) in enumerate(sizes)]
    jobs = shares(parts, Limits(pubs, executions))
    assert [part for job in jobs for part in job] == parts
    for job in jobs:
        assert job
        assert pubs is None or len(job) <= pubs
        total = sum(part.executions for part in job)
        assert executions is None or total <= executions or len(job) == 1
    for job, after in pairwise(jobs):
        total = sum(part.executions for part in job) + after[0].executions
        assert len(job) == pubs or (executions is not None and total > executions)


@pytest.mark.parametrize("limits", [Limits(), Limits(pubs=1, executions=1)])
def test_nothing_is_no_job(limits):
    """An empty job would be sent."""
    assert shares([], limits) == []
