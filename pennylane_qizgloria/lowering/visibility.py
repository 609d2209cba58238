"""Which letters a measurement needs of each wire's axis.

Whoever reads bits needs I and Z, a Pauli word its own letters, a density matrix all four. What is
not needed is not computed, see `pauli.schedule`.
"""

from __future__ import annotations

from functools import singledispatch

from pennylane.measurements import (
    CountsMP,
    ExpectationMP,
    MeasurementProcess,
    ProbabilityMP,
    SampleMP,
    VarianceMP,
)
from pennylane.operation import Operator

from ..pauli.basis import I, Z
from ..pauli.measure import PauliSum
from ..pauli.program import Visible, every_letter
from .eigenbasis import common_letters, overlaps
from .observables import measured_terms
from .setting import Setting


def letters_of_sum(terms: PauliSum) -> Visible:
    """The letters of the words of a sum."""
    columns = zip(terms.wires, terms.letters.T.tolist(), strict=True)
    return frozenset((wire, letter) for wire, column in columns for letter in column if letter != I)


@singledispatch
def visible_letters(process: MeasurementProcess, setting: Setting) -> Visible:
    """The letters that a measurement process looks at, whether exactly or with shots."""
    return every_letter(setting.wires(process))


@visible_letters.register(VarianceMP)
@visible_letters.register(ProbabilityMP)
@visible_letters.register(SampleMP)
@visible_letters.register(CountsMP)
def _of_outcomes(
    process: VarianceMP | ProbabilityMP | SampleMP | CountsMP, setting: Setting
) -> Visible:
    if process.obs is None:
        return frozenset((wire, Z) for wire in setting.wires(process))
    # Whether probabilities need more where operands overlap, only a matrix would tell.
    if isinstance(process, ProbabilityMP) and overlaps(process.obs):
        return every_letter(setting.wires(process))
    return _of_eigenbasis(process.obs, setting)


@visible_letters.register
def _of_expectation(process: ExpectationMP, setting: Setting) -> Visible:
    """A sum is looked at term by term."""
    if process.obs is None:
        return frozenset((wire, Z) for wire in setting.wires(process))
    terms = [term for _, term in measured_terms(process.obs) if term is not None]
    return frozenset().union(*(_of_eigenbasis(term, setting) for term in terms))


def _of_eigenbasis(observable: Operator, setting: Setting) -> Visible:
    """Letters are read as they are; for other bases the state is rotated."""
    letters = common_letters(observable)
    if not letters:
        return every_letter(setting.place[wire] for wire in observable.wires)
    return frozenset((setting.place[wire], letter) for wire, letter in letters.items())
