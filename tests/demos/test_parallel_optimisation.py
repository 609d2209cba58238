"""Many starts as one batch: the same numbers as a loop, the exact minimum, one job."""

import numpy as np
import pytest
import torch


def exact_minimum():
    """The lowest energy of the demo's spin glass, from dense matrices."""
    x, z = np.array([[0, 1], [1, 0]]), np.diag([1, -1])

    def on(*factors):
        matrix = np.eye(1)
        for wire in range(5):
            matrix = np.kron(matrix, dict(factors).get(wire, np.eye(2)))
        return matrix

    rng = np.random.default_rng(49)
    matrix = sum(rng.normal() * on((i, z), (j, z)) for i in range(5) for j in range(i))
    matrix = matrix + sum(0.5 * rng.normal() * on((i, z)) for i in range(5))
    matrix = matrix + sum(0.3 * on((i, x)) for i in range(5))
    return np.linalg.eigvalsh(matrix)[0]


def test_a_batch_does_what_a_loop_does(run_demo):
    """Equal energies at every step; two jobs a step in place of two for each start."""
    demo = run_demo("parallel_optimisation", "--starts", 3, "--steps", 15, "--backend-starts", 3)
    assert demo["curves"].shape == (16, 3)
    torch.testing.assert_close(demo["curves"], demo["looped"], atol=1e-10, rtol=0)

    batch, loop = demo["batch_jobs"].totals, demo["loop_jobs"].totals
    assert (batch["jobs"], loop["jobs"]) == (2, 6)
    assert (batch["executions"], batch["shots"]) == (loop["executions"], loop["shots"])
    assert demo["cost"].jobs == 2

    energies, gradient = demo["step"](demo["starts"])
    angles = demo["starts"].clone().requires_grad_()
    exact = demo["layer"](angles)
    exact.sum().backward()
    torch.testing.assert_close(energies, exact.detach(), atol=0.5, rtol=0)
    torch.testing.assert_close(gradient, angles.grad, atol=0.5, rtol=0)


def test_the_best_of_64_starts_finds_the_minimum(run_demo):
    """The best run reaches the lowest eigenvalue; most runs stay at local minima above it."""
    demo = run_demo("parallel_optimisation", "--starts", 1, "--backend-starts", 1)
    torch.manual_seed(0)
    starts = 2 * torch.pi * torch.rand(64, 10, dtype=torch.float64)
    curves = demo["train"](starts)
    lowest = exact_minimum()
    above = curves[-1] - lowest
    assert demo["exact_minimum"] == pytest.approx(lowest)
    assert 0 <= above.min() < 0.005
    assert 10 < (above < 0.02).sum() < 32
    assert (above[above >= 0.02] > 0.5).all()
    assert (curves[-1] - curves[-20]).abs().max() < 0.01
