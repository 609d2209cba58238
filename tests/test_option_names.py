"""What is said of options that a device does not have."""

import pytest

from pennylane_qizgloria.option_names import no_such_option

ELSEWHERE = {"shots": "is set by qml.set_shots"}


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("sed", "dev has no option 'sed'. Did you mean 'seed'?"),
        ("readout", "dev has no option 'readout'. Did you mean 'readout_prob'?"),
        ("shots", "dev has no option 'shots'. It is set by qml.set_shots."),
        ("zzz", "dev has no option 'zzz'. It has seed and readout_prob."),
    ],
)
def test_hints(option, expected):
    """An option of something else is named first, then a similar one, then all that there are."""
    found = no_such_option(
        "dev", option, ["seed", "readout_prob"], ELSEWHERE, "It has seed and readout_prob."
    )
    assert found == expected
