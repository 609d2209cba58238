"""Where the reverse pass keeps states, against the best schedules that there are."""

from functools import cache
from math import comb, inf

import pytest

from pennylane_qizgloria.pauli.run.checkpoints import checkpoint_positions

LENGTHS = range(1, 41)
SLOTS = range(1, 13)


@cache
def fewest(length, slots):
    """The least number of forward steps that brings up every state but the first, last one first.

    By trying every position for the first state that is kept (Griewank and Walther, Algorithm 799,
    ACM Trans. Math. Softw. 26, 19, 2000). Whatever is at hand besides the first state takes a slot.
    """
    if length <= 1:
        return 0
    if slots == 0:
        return inf
    return min(m + fewest(length - m, slots - 1) + fewest(m, slots) for m in range(1, length))


def sweep(first, stop, slots, runs):
    """Reverse the steps of a range by the package's positions; count how often each step is run."""
    positions = [first + position for position in checkpoint_positions(stop - first, slots)]
    for step in range(first, positions[-1] if positions else first):
        runs[step] += 1
    while True:
        start = positions.pop() if positions else first
        if start + 1 < stop:
            sweep(start, stop, slots - len(positions) - (start != first), runs)
        stop = start
        if stop == first:
            return


def counted(length, slots):
    runs = [0] * length
    sweep(0, length, slots, runs)
    return runs


def test_examples():
    """The examples of the docstring hold."""
    assert checkpoint_positions(5, slots=4) == [1, 2, 3, 4]
    assert checkpoint_positions(10, slots=3) == [4, 7, 9]


@pytest.mark.parametrize("slots", SLOTS)
def test_never_more_than_there_is_room_for(slots):
    """There are never more checkpoints than there is room for, and none twice."""
    for length in LENGTHS:
        positions = checkpoint_positions(length, slots)
        assert len(positions) == min(slots, length - 1)
        assert positions == sorted(set(positions))
        assert all(0 < position < length for position in positions)


@pytest.mark.parametrize("slots", SLOTS)
def test_the_state_before_the_last_step_is_kept(slots):
    """The state before the last step is kept."""
    for length in LENGTHS[1:]:
        assert checkpoint_positions(length, slots)[-1] == length - 1


@pytest.mark.parametrize("length", [1, 2, 7, 40])
def test_everything_is_kept_where_there_is_room(length):
    """With enough room every state is kept."""
    for slots in (length - 1, length, 10 * length):
        assert checkpoint_positions(length, slots) == list(range(1, length))


def test_nothing_is_kept_of_nothing():
    """Circuits of no step or one have no checkpoints."""
    assert checkpoint_positions(0, 3) == []
    assert checkpoint_positions(1, 3) == []


@pytest.mark.parametrize("slots", SLOTS)
def test_no_step_is_run_more_often_than_the_binomial_bound_allows(slots):
    """No step is run more often than the binomial bound allows."""
    for length in LENGTHS:
        repeats = next(t for t in range(1, 100) if comb(slots + t, t) >= length)
        assert max(counted(length, slots)) <= repeats


@pytest.mark.parametrize("slots", SLOTS)
def test_no_schedule_runs_fewer_steps(slots):
    """No schedule of the same memory runs fewer steps."""
    for length in LENGTHS:
        assert sum(counted(length, slots)) == fewest(length, slots)


def test_deep_circuits_are_scheduled():
    """Circuits of many thousand steps are scheduled."""
    assert len(checkpoint_positions(100_000, 20)) == 20
    # With 8 states, C(8 + 8, 8) = 12870 steps need 8 repetitions, and C(8 + 9, 9) = 24310 need 9.
    assert max(counted(12_870, 8)) == 8
    assert max(counted(20_000, 8)) == 9
