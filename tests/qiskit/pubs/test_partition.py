"""How PUBs are shared out among jobs."""

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from pennylane_qizgloria.qiskit.primitives.job_limits import Limits
from pennylane_qizgloria.qiskit.pubs.partition import shares
from pennylane_qizgloria.qiskit.pubs.pubs import Part

bounds = st.none() | st.integers(1, 50)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 10))), bounds, bounds, st.booleans())
def test_no_job_holds_too_much_or_too_little(sizes, pubs, most, one_setting):
    """Jobs keep to the limits, in order, and a new one begins only where one is full."""
    parts = [Part(i, (), rows, shots, shots) for i, (rows, shots) in enumerate(sizes)]
    jobs = shares(parts, Limits(pubs, most, one_setting))
    assert [part for job in jobs for part in job] == parts
    for job in jobs:
        assert job
        assert pubs is None or len(job) <= pubs
        assert not one_setting or len({part.setting for part in job}) == 1
        total = sum(part.total_shots for part in job)
        assert most is None or total <= most or len(job) == 1
    for job, after in pairwise(jobs):
        total = sum(part.total_shots for part in job) + after[0].total_shots
        differs = one_setting and job[0].setting != after[0].setting
        assert len(job) == pubs or differs or (most is not None and total > most)


@pytest.mark.parametrize("limits", [Limits(), Limits(pubs=1, shots=1, one_setting=True)])
def test_nothing_is_no_job(limits):
    """Without PUBs there is no job."""
    assert shares([], limits) == []
