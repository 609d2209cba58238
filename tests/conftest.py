"""Set-up for every test: one thread, and a random generator for the tests that draw numbers."""

import numpy as np
import pytest
import torch
from helpers.backends import PlainBackend


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small products are quicker on one thread, many times so while other workers run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def rng():
    return np.random.default_rng(42)


# For tests/qiskit and tests/devices/qiskit, until they import the class.
@pytest.fixture(scope="session")
def plain_backend():
    """The class of a BackendV2 that knows nothing of IBM."""
    return PlainBackend
