"""The demo of training on a twin."""

import numpy as np


def test_the_backend_says_what_the_twin_says(run_demo):
    """Losses on the backend are those that the twin predicts, within shots."""
    demo = run_demo("twin", "--seeds", 1, "--points", 20, "--unseen", 20, "--steps", 8)
    ((expected, found),) = demo["predicted"]
    assert abs(expected - found) < 0.1
    for histories in demo["losses"].values():
        assert np.isfinite(histories).all()
        assert histories[0][-1] < histories[0][0]
