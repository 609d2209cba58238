"""Circuits that several threads run at once, on states that share the pool of buffers."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.pauli.run import buffers

NUM_THREADS = 4
CIRCUITS = [*((6, batch, 1 + batch % 3) for batch in range(4, 10)), (7, 1, 1), (7, 1, 2)]
"""Wires, batch size, and how far apart those wires are that entangle.

Some need buffers of one size, others have a size of their own.
"""


@pytest.fixture
def _switches_in_the_pool():
    """Every thread waits for the others at every line of the pool, which is empty at first."""

    def wait(frame, event, arg):
        time.sleep(1e-5)
        return wait

    def trace(frame, event, arg):
        return wait if frame.f_code.co_filename == buffers.__file__ else None

    previous = threading.gettrace()
    buffers.clear()
    threading.settrace(trace)
    yield
    threading.settrace(previous)
    buffers.clear()


@pytest.fixture(params=["planned", "kernels"])
def method(request):
    return request.param


@pytest.fixture
def jobs(method):
    """Functions without arguments: each gives its own circuit's probabilities and gradient."""

    def job(index, num_wires, batch, shift):
        device = qml.device("qizgloria.mixed", wires=num_wires, method=method)

        @qml.qnode(device, interface="torch", diff_method="backprop")
        def circuit(x):
            for row in x:
                for wire in range(num_wires):
                    qml.RY(row[wire], wire)
                    qml.AmplitudeDamping(0.05, wire)
                for wire in range(num_wires):
                    qml.IsingXY(row[wire], [wire, (wire + shift) % num_wires])
            return qml.probs(wires=[0, num_wires - 1])

        start = np.random.default_rng(index).uniform(-3, 3, (2, num_wires, batch))

        def run():
            x = torch.tensor(start, requires_grad=True)
            probabilities = circuit(x)
            weighted = (probabilities @ torch.arange(4.0, dtype=torch.float64)).sum()
            return probabilities.detach(), torch.autograd.grad(weighted, x)[0]

        return run

    return [job(index, *circuit) for index, circuit in enumerate(CIRCUITS)]


@pytest.mark.usefixtures("_switches_in_the_pool")
def test_threads_do_not_share_states(jobs, method):
    """Threads that run at once give the results of each circuit alone."""
    expected = [job() for job in jobs]
    if method == "planned":
        assert buffers.held_bytes() > 0, "no buffer is in use"
    buffers.clear()
    start = threading.Barrier(NUM_THREADS)

    def work(first):
        start.wait()
        return [(index, jobs[index]()) for index in np.roll(range(len(jobs)), first)]

    with ThreadPoolExecutor(NUM_THREADS) as threads:
        runs = list(threads.map(work, range(NUM_THREADS)))
    for index, found in itertools.chain(*runs):
        torch.testing.assert_close(found, expected[index], rtol=0, atol=1e-12)
