"""How PUBs are shared out among jobs."""

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from pennylane_qizgloria.qiskit.primitives.job_limits import Limits
from pennylane_qizgloria.qiskit.pubs.partition import partition
from pennylane_qizgloria.qiskit.pubs.pubs import PubChunk

bounds = st.none() | st.integers(1, 50)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 10))), bounds, bounds, st.booleans())
def test_no_job_holds_too_much_or_too_little(sizes, pubs, most, same_shots_or_precision):
    """Jobs keep to the limits, in order, and a new one begins only where one is full."""
    chunks = [PubChunk(i, (), rows, shots, shots) for i, (rows, shots) in enumerate(sizes)]
    jobs = partition(chunks, Limits(pubs, most, same_shots_or_precision))
    assert [chunk for job in jobs for chunk in job] == chunks
    for job in jobs:
        assert job
        assert pubs is None or len(job) <= pubs
        assert not same_shots_or_precision or len({chunk.shots_or_precision for chunk in job}) == 1
        total = sum(chunk.total_shots for chunk in job)
        assert most is None or total <= most or len(job) == 1
    for job, after in pairwise(jobs):
        total = sum(chunk.total_shots for chunk in job) + after[0].total_shots
        differs = (
            same_shots_or_precision and job[0].shots_or_precision != after[0].shots_or_precision
        )
        assert len(job) == pubs or differs or (most is not None and total > most)


@pytest.mark.parametrize(
    "limits", [Limits(), Limits(pubs=1, shots=1, same_shots_or_precision=True)]
)
def test_nothing_is_no_job(limits):
    """Without PUBs there is no job."""
    assert partition([], limits) == []
