"""What one job of a primitive may hold."""

import pytest
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2, StatevectorSampler
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2

from pennylane_qizgloria.qiskit.primitives.job_limits import Limits, limits_of


@pytest.mark.parametrize(
    "primitive",
    [
        StatevectorSampler(),
        SamplerV2(),
        BackendSamplerV2(backend=AerSimulator()),
        BackendEstimatorV2(backend=AerSimulator()),
    ],
    ids=lambda primitive: type(primitive).__module__,
)
def test_local_primitives_take_any_number(primitive):
    """Qiskit's own primitives and Aer's bound neither PUBs nor shots of a job."""
    assert limits_of(primitive) == Limits()
