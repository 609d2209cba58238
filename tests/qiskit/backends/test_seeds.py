"""The seeds of jobs, drawn from one seed."""

import copy
import pickle

from pennylane_qizgloria.qiskit.backends.seeds import JobSeeds


def drawn(seeds, stream, count=5):
    return [seeds.draw(stream) for _ in range(count)]


def test_equal_seeds_give_equal_jobs():
    """The same seed draws the same sequence, another seed another one, all of 31 bits."""
    first = drawn(JobSeeds(7), "sampler")
    assert first == drawn(JobSeeds(7), "sampler")
    assert first != drawn(JobSeeds(8), "sampler")
    assert len(set(first)) == 5
    assert all(0 <= seed < 2**31 for seed in first)


def test_primitives_draw_apart():
    """What the estimator draws does not depend on how often the sampler has drawn."""
    alone, after = JobSeeds(2**63 - 1), JobSeeds(2**63 - 1)
    samples = drawn(after, "sampler")
    assert drawn(alone, "estimator") == drawn(after, "estimator")
    assert samples != drawn(JobSeeds(2**63 - 1), "estimator")


def test_copies_go_on():
    """Copies, pickles and continuations draw what the original draws next."""
    seeds = JobSeeds(3)
    drawn(seeds, "sampler")
    other = JobSeeds(99)
    other.continue_from(seeds)
    copies = [copy.deepcopy(seeds), pickle.loads(pickle.dumps(seeds)), other]
    expected = drawn(seeds, "sampler")
    assert [drawn(own, "sampler") for own in copies] == [expected] * 3
