"""The demo of extrapolation to zero noise."""


def test_extrapolation_and_training(run_demo):
    """Estimates are nearer to the ideal energy, and training comes near the lowest one."""
    demo = run_demo("zero_noise", "--steps", 30)
    noisy = abs(demo["values"][0] - demo["ideal"])
    assert abs(demo["estimates"]["richardson"] - demo["ideal"]) < 0.3 * noisy
    assert abs(demo["estimates"]["exponential"] - demo["ideal"]) < noisy
    assert demo["reached"]["extrapolated"] < 0.8 * demo["lowest"]
    assert demo["histories"]["extrapolated"][-1] < demo["histories"]["at scale 1"][-1]
