"""Truth tables of conditions on outcomes of mid-circuit measurements."""

import pennylane as qml
import pytest
from pennylane.tape import QuantumScript

from pennylane_qizgloria.qiskit.convert.classical_expr import truth_table


def measurements(number):
    """Values of mid-circuit measurements."""
    with qml.queuing.AnnotatedQueue() as queue:
        values = [qml.measure(i) for i in range(number)]
    assert len(QuantumScript.from_queue(queue).operations) == number
    return values


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (lambda a, b: a & b, (False, False, False, True)),
        (lambda a, b: a | b, (False, True, True, True)),
        (lambda a, b: a == b, (True, False, False, True)),
        (lambda a, b: a - b > 0, (False, False, True, False)),
        (lambda a, b: a + b == 3, (False,) * 4),
    ],
    ids=["and", "or", "equal", "greater", "never"],
)
def test_the_first_measurement_is_the_most_significant(condition, expected):
    """Truth values come in the order of the outcomes 00, 01, 10 and 11."""
    a, b = measurements(2)
    order = {value.measurements[0].meas_uid: i for i, value in enumerate((a, b))}
    assert tuple(map(bool, truth_table(condition(a, b), order)[1])) == expected
