"""Which letters a measurement needs of each wire's axis.

Whoever reads bits needs I and Z, a Pauli word its own letters, a density matrix all four. What is
not needed is not computed, see `pauli.schedule`.
"""

from __future__ import annotations

from functools import singledispatch

import pennylane as qml
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
from .observables import is_product_of_letters, word_letters
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
    return _of_eigenbasis(process.obs, setting)


@visible_letters.register
def _of_expectation(process: ExpectationMP, setting: Setting) -> Visible:
    if process.obs is None:
        return frozenset((wire, Z) for wire in setting.wires(process))
    return _of_terms(process.obs, setting)


def _of_terms(observable: Operator, setting: Setting) -> Visible:
    """A sum is looked at term by term."""
    if isinstance(observable, qml.ops.Sum):
        return frozenset().union(*(_of_terms(term, setting) for term in observable.operands))
    return _of_eigenbasis(observable, setting)


def _of_eigenbasis(observable: Operator, setting: Setting) -> Visible:
    """A product of letters is looked at in its own basis; to others the state is rotated."""
    if is_product_of_letters(observable):
        letters = word_letters(observable)
        return frozenset((setting.place[w], letters.get(w, Z)) for w in observable.wires)
    return every_letter(setting.place[wire] for wire in observable.wires)
