"""A twin of a backend: circuits are compiled for it as for the backend, and given its noise.

A tape becomes one operator on physical qubits, see `noisy_circuit`; measurements are moved to the
qubits that their wires end on. Where each wire is measured in the basis of one Pauli, the gates
that turn it into the computational basis are part of the compiled circuit, as on the backend, and
so have its noise; other rotations into a basis are taken as ideal.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

from pennylane.measurements import (
    CountsMP,
    ExpectationMP,
    MeasurementProcess,
    ProbabilityMP,
    SampleMP,
    ShadowExpvalMP,
    VarianceMP,
)
from pennylane.pauli import PauliSentence, PauliWord
from pennylane.tape import QuantumScript
from pennylane.wires import Wires
from torch import Tensor

from ..lowering.measurements.eigenbasis import overlaps
from ..lowering.operations.compiled_circuit import CompiledCircuit
from ..qiskit.compile.structures import measured_circuit, structure_of
from ..qiskit.compile.transpilation import MAX_CACHED, Compiled, Compiler
from ..qiskit.measurements.bases import commute_qubit_wise, diagonalized
from ..qiskit.pubs.packing import qubit_order
from ..user_warnings import warn
from .noisy_circuit import NoisyCircuit, noisy_circuit
from .qubits import PhysicalQubit
from .readout import is_readout, twin_readout
from .scale import Scaled
from .source import Instruction, Noise, some_of

READ_IN_A_BASIS = (CountsMP, ExpectationMP, ProbabilityMP, SampleMP, VarianceMP)
"""Measurements that detectors make, wire by wire."""


Recipe = tuple[Callable[..., "Twin"], tuple]
"""A function that makes a twin, and its arguments."""


@dataclass(frozen=True, eq=False)
class PlacedCircuit:
    """A circuit on physical qubits.

    Args:
        compiled: the circuit, compiled.
        noisy: the same with noise.
        place: the qubit that each wire is on at the end, by its number in the order of the wires.
    """

    compiled: Compiled
    noisy: NoisyCircuit
    place: Mapping[int, int]


class Twin(Scaled):
    """Makes of circuits what a backend would run.

    Args:
        noise: the noise.
        compiler: compiles the circuits.
        wires: the device's wires; None for those of each circuit.
        with_idle: whether wires that a circuit does not use are qubits, too, as a layout wants it.
        dt: the time step of the backend, in seconds; None if it has none.

    Attributes:
        recipe: how it was made, for pickles.
        last_wires: the labels of the wires of the circuit that was run last, in their order.
    """

    def __init__(
        self, noise: Noise, compiler: Compiler, wires: Wires | None, with_idle: bool, dt: Any
    ) -> None:
        super().__init__()
        self.noise = noise
        self.recipe: Recipe | None = None
        self.last_wires: tuple[Any, ...] = ()
        self._compiler = compiler
        self._wires = wires
        self._with_idle = with_idle
        self._dt = dt
        self._placed: OrderedDict[Hashable, PlacedCircuit] = OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle is what the twin was made from: pass managers cannot be pickled."""
        if self.recipe is None:
            raise TypeError("A twin that was made by hand cannot be pickled.")
        return _made_again, (*self.recipe, self._scale)

    def __deepcopy__(self, memo: dict) -> Twin:
        """A twin with a scale of its own, which shares what compiles circuits."""
        twin = self.with_noise(self.noise)
        twin._scale = deepcopy(self._scale, memo)
        twin.recipe = self.recipe
        return twin

    def with_noise(self, noise: Noise) -> Twin:
        """A twin with other noise, which shares the compiled circuits."""
        return Twin(noise, self._compiler, self._wires, self._with_idle, self._dt)

    @property
    def last(self) -> PlacedCircuit | None:
        """The circuit that was run last."""
        return next(reversed(self._placed.values()), None)

    def placed(self, tape: QuantumScript) -> tuple[PlacedCircuit, list[Any]]:
        """A circuit on physical qubits, made once for a structure, and its parameters.

        Args:
            tape: of gates; what it reads, it reads in the computational basis.
        """
        return self._placed_in(tape, self._order(tape), common_paulis(tape) or {})

    def _order(self, tape: QuantumScript) -> list[Any]:
        """The wires in the order of the qubits that are compiled."""
        return qubit_order(tape, self._wires, self._with_idle)

    def _placed_in(
        self, tape: QuantumScript, order: list[Any], read: Collection[Any]
    ) -> tuple[PlacedCircuit, list[Any]]:
        """The same for wires in some order, of which some are read in the computational basis."""
        measured = [number for number, wire in enumerate(order) if wire in read]
        structure, angles = structure_of(tape, order)
        key = (structure, tuple(measured))
        if key not in self._placed:
            make = partial(measured_circuit, tape, order, measured)
            compiled = self._compiler.compiled(("sampler", *key), make)
            self._placed[key] = self._place(compiled, len(angles), measured, len(order))
            if len(self._placed) > MAX_CACHED:
                self._placed.popitem(last=False)
        self._placed.move_to_end(key)
        self.last_wires = tuple(order)
        return self._placed[key], angles

    def _place(
        self, compiled: Compiled, num_params: int, measured: Sequence[int], num_wires: int
    ) -> PlacedCircuit:
        strengths = self.noise.strengths
        layout = compiled.circuit.layout
        ends = range(num_wires) if layout is None else layout.final_index_layout()
        noisy = noisy_circuit(compiled.circuit, self.noise, num_params, strengths, self._dt, ends)
        if noisy.unknown:
            warn(unknown_gates(self.noise, noisy.unknown))
        if measured:
            place = {wire: noisy.readings[bit] for bit, wire in enumerate(measured)}
        else:
            place = dict(enumerate(ends))
        return PlacedCircuit(compiled, noisy, place)

    def on_qubits(self, tape: QuantumScript, is_trained: bool = True) -> QuantumScript:
        """A tape as one operator on physical qubits, with its measurements moved there.

        Args:
            tape: of gates.
            is_trained: whether derivatives by the scale are taken.
        """
        scale = self.scale_now(is_trained)
        self.noise.require_valid()
        read = common_paulis(tape) or {}
        if read:
            tape = _in_computational_basis(tape)
        _require_batch(tape, scale)
        order = self._order(tape)
        placed, angles = self._placed_in(tape, order, read)
        self._require_readable(tape, placed)
        strengths = [self._strength(key, scale) for key in placed.noisy.strengths]
        qubits = [PhysicalQubit(number) for number in placed.noisy.qubits]
        op = CompiledCircuit(
            *angles,
            *strengths,
            wires=Wires(qubits),
            template=placed.noisy.template,
            readout=twin_readout(self.noise, scale),
        )
        moves = {
            wire: PhysicalQubit(placed.place[i])
            for i, wire in enumerate(order)
            if i in placed.place
        }
        measurements = [_moved(process, tape.wires, moves) for process in tape.measurements]
        return tape.copy(operations=[op], measurements=measurements)

    def _require_readable(self, tape: QuantumScript, placed: PlacedCircuit) -> None:
        """Refuse errors of measurements that act in one basis where several are measured."""
        if placed.noisy.readings or not any(
            isinstance(process, READ_IN_A_BASIS) for process in tape.measurements
        ):
            return
        for qubit in placed.place.values():
            if not is_readout(self.noise.after("measure", (qubit,))):
                raise ValueError(
                    f"{self.noise.name} has an error of measurements of qubit {qubit} that is no "
                    "readout error: it acts in one basis, and the measurements of this circuit "
                    "need several. Measure them in circuits of their own."
                )

    def _strength(self, key: Any, scale: float | Tensor) -> Any:
        own = self.noise.strengths.get(key, 1.0)
        return scale if isinstance(own, float) and own == 1.0 else scale * own


def _require_batch(tape: QuantumScript, scale: float | Tensor) -> None:
    size = len(scale) if isinstance(scale, Tensor) and scale.ndim else None
    if size is not None and tape.batch_size not in (None, size):
        raise ValueError(
            f"noise_scale has {size} elements, and the circuit a batch of {tape.batch_size}: "
            "they must be as many."
        )


def unknown_gates(noise: Noise, gates: Sequence[Instruction]) -> str:
    """What is said of gates that a source knows nothing about."""
    return f"{noise.name} says nothing about the errors of {some_of(gates)}: they have none here."


def _made_again(make: Callable[..., Twin], arguments: tuple, scale: Any) -> Twin:
    twin = make(*arguments)
    twin.scale = scale
    return twin


# --- measurements ---------------------------------------------------------------------------------


def common_paulis(tape: QuantumScript) -> dict[Any, str] | None:
    """The Pauli that each measured wire is read in; None where a tape is not read in one basis."""
    found: dict[Any, str] = {}
    for process in tape.measurements:
        if not isinstance(process, READ_IN_A_BASIS):
            return None
        letters = _letters(process, tape)
        if letters is None:
            return None
        if any(found.setdefault(wire, letter) != letter for wire, letter in letters):
            return None
    return found


def _letters(process: MeasurementProcess, tape: QuantumScript) -> list[tuple[Any, str]] | None:
    """The wires that a measurement reads, with their Paulis; None if it does not read Paulis."""
    observable = process.obs
    if observable is None:
        return [(wire, "Z") for wire in process.wires or tape.wires]
    sentence = observable.pauli_rep
    if sentence is None or not commute_qubit_wise(sentence):
        return None
    if isinstance(process, ProbabilityMP) and overlaps(observable):
        return None
    return [pair for word in sentence for pair in word.items()]


def _in_computational_basis(tape: QuantumScript) -> QuantumScript:
    """A tape that ends with what its measurements are diagonalized by, and reads Z instead."""
    rotated = diagonalized(tape)
    if rotated is tape:
        return tape
    return rotated.copy(measurements=[_of_z(process) for process in tape.measurements])


def _of_z(process: MeasurementProcess) -> MeasurementProcess:
    if process.obs is None:
        return process
    sentence = PauliSentence(
        {
            PauliWord(dict.fromkeys(word, "Z")): number
            for word, number in process.obs.pauli_rep.items()
        }
    )
    turned = copy(process)
    turned.obs = sentence.operation(wire_order=process.obs.wires)
    return turned


def _moved(
    process: MeasurementProcess, wires: Wires, moves: Mapping[Any, PhysicalQubit]
) -> MeasurementProcess:
    """A measurement on the qubits that its wires are on."""
    if isinstance(process, ShadowExpvalMP):  # whose observables map_wires leaves as they are
        process = copy(process)
        several = isinstance(process.H, Sequence)
        moved = [own.map_wires(dict(moves)) for own in (process.H if several else [process.H])]
        process.H = moved if several else moved[0]
        return process
    if process.obs is None and not process.wires:
        process = copy(process)
        process._wires = wires
    return process.map_wires(dict(moves))
