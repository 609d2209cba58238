r"""Fitting noise to counts: strengths and readout errors that make what was counted most likely.

With the probabilities :math:`p_c(b; \theta)` of outcome b of circuit c, and the numbers
:math:`n_{cb}` of times that it was counted, the parameters minimise the mean negative logarithm of
the likelihood,

.. math::
    L(\theta) = -\frac{1}{N} \sum_{cb} n_{cb} \log p_c(b; \theta), \qquad N = \sum_{cb} n_{cb},

by `fisher_scoring` with exact derivatives. The parameters are the logarithms of strengths and the
logits of readout errors, so that all of them stay in their domains. Their covariance matrix is the
inverse of the Fisher information :math:`I_{jk} = \sum_c N_c \sum_b \partial_j p_c(b)\,
\partial_k p_c(b) / p_c(b)` (Cramér and Rao).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from pennylane.devices import Device
from tqdm import tqdm  # type: ignore[import-untyped]

from ..qiskit.backends.validation import is_whole
from ..user_warnings import warn
from .fisher_information import Information
from .fisher_scoring import Scored, fisher_scoring
from .fit_problem import FIRST, FitProblem, FittedParameter, fit_problem
from .fitted import FittedNoise


@dataclass(frozen=True, eq=False)
class NoiseFit:
    """What `fit_noise` found.

    Args:
        noise: the fitted noise, which ``noise_model`` takes.
        parameters: the fitted numbers with their standard errors.
        losses: the mean negative logarithm of the likelihood at each evaluation.
        hellinger_before: the Hellinger distance of the circuits that were held out, before.
        hellinger_after: the same with the fitted noise.
        converged: whether more evaluations would change nothing.
        confused: groups of parameters that the circuits do not tell apart, by their names.
        excluded: instructions whose noise was not fitted, and why.
    """

    noise: FittedNoise
    parameters: tuple[FittedParameter, ...]
    losses: tuple[float, ...]
    hellinger_before: float
    hellinger_after: float
    converged: bool
    confused: tuple[tuple[str, ...], ...] = ()
    excluded: tuple[str, ...] = ()

    @property
    def evaluations(self) -> int:
        """How often all circuits of the fit were simulated."""
        return len(self.losses)

    def __repr__(self) -> str:
        width = max(len(own.name) for own in self.parameters)
        rows = [
            f"  {own.name:<{width}}  {own.start:9.4g} -> {own.value:9.4g} +- {own.error:.2g}"
            for own in self.parameters
        ]
        head = (
            f"NoiseFit of {self.noise.name}, {self.evaluations} evaluations"
            f"{'' if self.converged else ', not converged'}\n"
            f"Hellinger distance of the circuits held out: {self.hellinger_before:.4f} -> "
            f"{self.hellinger_after:.4f}"
        )
        return "\n".join([head, *rows])


def fit_noise(
    device: Device,
    circuits: Iterable[Any],
    counts: Iterable[Any],
    *,
    tie: Any = "instruction",
    readout: bool = True,
    held_out: Any = 0.25,
    max_evaluations: Any = 32,
    progress: bool | None = None,
) -> NoiseFit:
    """Fit the noise of a twin to what a backend has counted.

    Args:
        device: a ``qizgloria.mixed`` with ``noise_model``. It is not changed; give the result's
            ``noise`` to a new one.
        circuits: QNodes or quantum functions without arguments, or tapes, that measure some of
            the device's wires in the computational basis (``qml.counts(wires=...)``, say).
        counts: for each circuit a dict from outcomes, strings of bits, to how often they were
            seen. They are in PennyLane's order: the first measured wire comes first.
        tie (str or Callable): which strengths are one parameter: ``"instruction"`` for none,
            ``"gate"`` for those of a kind of gate, ``"qubits"`` for those on the same qubits,
            ``"all"``; or a function of the instruction's name and qubits, which returns equal
            values for those. They begin at their mean, and end at one value.
        readout: whether readout errors are fitted, too.
        held_out (float or Sequence[int]): the numbers of the circuits that the fit does not see, or
            how large a share: the last ones.
        max_evaluations (int): how often all circuits of the fit may be simulated.
        progress: whether to show a progress bar; None for if there is a terminal.

    Returns:
        The fit. `NoiseFit.noise` is what ``noise_model`` takes, and
        `pennylane_qizgloria.noise.save_noise` writes.

    Raises:
        TypeError: if the device is no twin, or a circuit or counts are of another kind.
        ValueError: if numbers of circuits and counts differ, an outcome does not fit its circuit,
            nothing is left to fit or to hold out, or ``max_evaluations`` is not positive.

    Warns:
        UserWarning: naming parameters that the circuits do not tell apart; and if the fit has not
            converged when the evaluations are used up.
    """
    if not is_whole(max_evaluations) or max_evaluations < 1:
        raise ValueError(
            "fit_noise: max_evaluations must be a whole number, at least 1; got "
            f"{max_evaluations!r}."
        )
    problem = fit_problem(device, list(circuits), list(counts), tie, readout)
    seen, unseen = _divided(len(problem.tapes), held_out)
    scored = _scored(problem, seen, max_evaluations, progress)
    start, found = problem.start(), scored.theta
    fitted = problem.fitted(found)
    before, after = (problem.hellinger(own, unseen) for own in (problem.source, fitted))
    if not scored.converged:
        warn(
            f"fit_noise has not converged after {max_evaluations} evaluations: strengths and "
            "readout errors may still change. Raise max_evaluations."
        )
    known = Information.of(scored.information)
    confused = known.confused(problem.names)
    parameters = problem.parameters(start, found, known.errors)
    if confused:
        warn(f"fit_noise: {_sentence(confused, parameters)}")
    return NoiseFit(
        fitted,
        parameters,
        scored.losses,
        before,
        after,
        scored.converged,
        confused,
        problem.excluded,
    )


def _sentence(confused: Sequence[Sequence[str]], parameters: Sequence[FittedParameter]) -> str:
    """What the circuits do not tell, of combinations of parameters."""
    zero = {own.name for own in parameters if own.value < FIRST}
    small = [name for group in confused for name in group if zero.issuperset(group)]
    rest = [group for group in confused if not zero.issuperset(group)]
    alone = [group[0] for group in rest if len(group) == 1]
    groups = "; ".join(" and ".join(group) for group in rest if len(group) > 1)
    parts = []
    if small:
        parts.append(f"{', '.join(dict.fromkeys(small))} may as well be 0")
    if alone:
        parts.append(f"the circuits say too little about {', '.join(alone)}")
    if groups:
        parts.append(f"the circuits do not tell apart {groups}, which could be tied")
    if rest:
        parts.append("add circuits in which they act differently")
    return f"{'; '.join(parts)}."


def _divided(count: int, held_out: Any) -> tuple[list[int], list[int]]:
    """The numbers of the circuits that a fit sees, and of those that it does not."""
    if isinstance(held_out, Real):
        if not 0 < float(held_out) < 1:
            raise ValueError(f"held_out must be a share between 0 and 1, got {held_out!r}.")
        unseen = list(range(count))[count - max(1, round(float(held_out) * count)) :]
    elif isinstance(held_out, Iterable):
        unseen = list(held_out)
    else:
        raise TypeError(
            f"held_out must be a share or the numbers of the circuits, got {held_out!r}."
        )
    wrong = [number for number in unseen if not is_whole(number) or number not in range(count)]
    if wrong or len(set(unseen)) in (0, count):
        raise ValueError(
            f"held_out={held_out!r} of {count} circuits must leave some to fit and some to hold "
            "out."
        )
    return [number for number in range(count) if number not in unseen], unseen


def _scored(
    problem: FitProblem, numbers: Sequence[int], max_evaluations: int, progress: bool | None
) -> Scored:
    """The most likely parameters, found with a progress bar."""
    is_shown = sys.stderr.isatty() if progress is None else progress
    with tqdm(total=max_evaluations, disable=not is_shown, desc="fit_noise") as bar:

        def show(loss: float) -> None:
            bar.update()
            bar.set_postfix(loss=f"{loss:.6f}")

        return fisher_scoring(problem, numbers, max_evaluations, show)
