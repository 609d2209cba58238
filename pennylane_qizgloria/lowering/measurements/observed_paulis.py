"""Which letters a measurement needs of each wire's axis.

Whoever reads bits needs I and Z, a Pauli word its own letters, a density matrix all four. What is
not needed is not computed, see `pauli.program.schedule`.
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

from ...pauli.program.program import ObservedPaulis, all_paulis
from ...pauli.state.basis import I, Z
from ...pauli.state.measure import PauliSum
from ..context import Setting
from .eigenbasis import common_paulis, overlaps
from .observables import measured_terms


def paulis_of_sum(terms: PauliSum) -> ObservedPaulis:
    """The letters of the words of a sum."""
    columns = zip(terms.wires, terms.words.T.tolist(), strict=True)
    return frozenset((wire, letter) for wire, column in columns for letter in column if letter != I)


@singledispatch
def observed_subsets(process: MeasurementProcess, setting: Setting) -> ObservedPaulis:
    """The letters that a measurement process looks at, whether exactly or with shots."""
    return all_paulis(setting.wires(process))


@observed_subsets.register(VarianceMP)
@observed_subsets.register(ProbabilityMP)
@observed_subsets.register(SampleMP)
@observed_subsets.register(CountsMP)
def _of_outcomes(
    process: VarianceMP | ProbabilityMP | SampleMP | CountsMP, setting: Setting
) -> ObservedPaulis:
    if process.obs is None:
        return frozenset((wire, Z) for wire in setting.wires(process))
    # Whether probabilities need more where operands overlap, only a matrix would tell.
    if isinstance(process, ProbabilityMP) and overlaps(process.obs):
        return all_paulis(setting.wires(process))
    return _of_eigenbasis(process.obs, setting)


@observed_subsets.register
def _of_expectation(process: ExpectationMP, setting: Setting) -> ObservedPaulis:
    """A sum is looked at term by term."""
    if process.obs is None:
        return frozenset((wire, Z) for wire in setting.wires(process))
    terms = [term for _, term in measured_terms(process.obs) if term is not None]
    return frozenset().union(*(_of_eigenbasis(term, setting) for term in terms))


def _of_eigenbasis(observable: Operator, setting: Setting) -> ObservedPaulis:
    """Letters are read as they are; for other bases the state is rotated."""
    paulis = common_paulis(observable)
    if not paulis:
        return all_paulis(setting.place[wire] for wire in observable.wires)
    return frozenset((setting.place[wire], letter) for wire, letter in paulis.items())
