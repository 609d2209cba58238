"""Calibrations from backends' properties and targets, and from the files that IBM's site exports.

Two forms of files are read: the JSON of a backend's properties (``backend.properties().to_dict()``)
and the CSV table, whose columns have had several names over the years. Times become seconds.

A :math:`T_1` or :math:`T_2` of 0 was not measured, and is taken as not known, like one that is
missing. Any other number that is out of its range is refused, see `Calibration`.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from math import inf, isfinite
from numbers import Integral
from pathlib import Path
from typing import Any

from qiskit.circuit import Gate, Measure
from qiskit.circuit.library import standard_gates
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

from .calibration import Calibration, GateCalibration, QubitCalibration
from .source import Instruction, Readout, title_of

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9, "": 1.0}
"""How long the units of times are."""

_VARIANT = re.compile(r"^(measure|reset)_\w+$")
"""Other ways to measure and to reset, such as ``measure_2``: what is compiled has none of them."""

Item = Mapping[str, Any]
"""A number in a backend's properties, by ``"name"``, ``"value"`` and ``"unit"``."""


def read_calibration(path: str | Path) -> Calibration:
    """The calibration in a file.

    Args:
        path: of a CSV or JSON file that IBM's site exports.

    Raises:
        ValueError: if the file is neither, or something in it cannot be read or is out of its
            range, naming it.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no calibration file {str(path)!r}.")
    try:
        # Files from Windows begin with a mark.
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            return _of_json(text, path.stem)
        return _of_table(text, path.stem)
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{path} is no calibration file: {reason}. Expected is the CSV table of a backend, or "
            "the JSON of its properties, as IBM's site exports them."
        ) from error


# --- properties -----------------------------------------------------------------------------------


def calibration_of_properties(properties: Any, name: str | None = None) -> Calibration:
    """The calibration in a backend's properties.

    Args:
        properties: ``backend.properties()`` of a backend of IBM's.
        name: of the backend, if not what the properties say.

    Raises:
        ValueError: if a unit is not known, or a number is out of its range.
    """
    content = properties.to_dict()
    return _of_properties(content, name or content["backend_name"])


def _of_json(text: str, name: str) -> Calibration:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("its JSON is no object")
    return _of_properties(content, content.get("backend_name") or name)


def _of_properties(content: Mapping[str, Any], name: str) -> Calibration:
    gates: dict[Instruction, GateCalibration] = {}
    for own in content["gates"]:
        key = _instruction(own, name)
        title = f"{title_of(key)} of {name}"
        known = {item["name"]: item for item in own["parameters"]}
        gates[key] = GateCalibration(
            _time(known, "gate_length", title), _value(known, "gate_error", title)
        )
    qubits = tuple(
        _qubit_of_items(items, f"qubit {number} of {name}")
        for number, items in enumerate(content["qubits"])
    )
    return Calibration(name, qubits, gates, _iso(content.get("last_update_date")))


def _instruction(gate: Mapping[str, Any], name: str) -> Instruction:
    title, qubits = gate["gate"], gate["qubits"]
    if not isinstance(title, str) or not all(isinstance(qubit, Integral) for qubit in qubits):
        raise ValueError(
            f"{name} has a gate {title!r} on {qubits!r}, not a name and a list of qubits' numbers"
        )
    return title, tuple(map(int, qubits))


def _qubit_of_items(items: Iterable[Item], title: str) -> QubitCalibration:
    known = {item["name"]: item for item in items}
    p10, p01, both = (
        _value(known, key, title)
        for key in ("prob_meas1_prep0", "prob_meas0_prep1", "readout_error")
    )
    # A time of 0 is none that was measured.
    t1, t2 = (_time(known, key, title) or inf for key in ("T1", "T2"))
    return QubitCalibration(t1, t2, _readout(p10, p01, both))


def _readout(p10: float | None, p01: float | None, both: float | None) -> Readout | None:
    """The measured pair where there is one, otherwise one error for both outcomes."""
    if p10 is not None and p01 is not None:
        return p10, p01
    return None if both is None else (both, both)


def _time(items: Mapping[str, Item], key: str, title: str) -> float | None:
    """A time in seconds."""
    value = _value(items, key, title)
    if value is None:
        return None
    unit = items[key].get("unit", "s")
    if unit not in SECONDS:
        raise ValueError(f"{key} of {title} is in the unit {unit!r}, which is none of a time")
    return value * SECONDS[unit]


def _value(items: Mapping[str, Item], key: str, title: str) -> float | None:
    return _float(items.get(key, {}).get("value"), f"{key} of {title}")


def _float(value: Any, title: str) -> float | None:
    """A number, which may be missing."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{title} is {value!r}, which is no number") from error


def _iso(date: Any) -> str | None:
    if date is None:
        return None
    return date.isoformat() if hasattr(date, "isoformat") else str(date)


# --- targets --------------------------------------------------------------------------------------


def calibration_of_target(name: str, target: Target) -> Calibration:
    """The calibration in a target's properties of instructions and qubits.

    Args:
        name: what the target is of.
        target: with ``InstructionProperties`` and ``QubitProperties``.

    Raises:
        ValueError: if a number is out of its range.
    """
    gates: dict[Instruction, GateCalibration] = {}
    readouts: dict[int, Readout | None] = {}
    for key in target.operation_names:
        operation, known = target.operation_from_name(key), target[key]
        for qubits, own in (known or {}).items():
            if own is None or qubits is None:
                continue
            if isinstance(operation, Measure):
                p10, p01 = (getattr(own, p, None) for p in ("prob_meas1_prep0", "prob_meas0_prep1"))
                readouts[qubits[0]] = _readout(p10, p01, own.error)
            else:
                # What is no gate, such as a reset, has no gate error.
                error = own.error if isinstance(operation, Gate) else None
                gates[key, tuple(qubits)] = GateCalibration(own.duration, error)
    properties = target.qubit_properties or [None] * (target.num_qubits or 0)
    # A time of 0 is none that was measured.
    qubits = tuple(
        QubitCalibration(
            getattr(own, "t1", None) or inf, getattr(own, "t2", None) or inf, readouts.get(number)
        )
        for number, own in enumerate(properties)
    )
    return Calibration(name, qubits, gates)


def target_of(calibration: Calibration) -> Target:
    """A target to compile for: the gates that a calibration names, on their qubits.

    Raises:
        ValueError: if it names a gate that Qiskit does not know, or one on too many or too few
            qubits.
    """
    qubits = [
        QubitProperties(*(time if isfinite(time) else None for time in (own.t1, own.t2)))
        for own in calibration.qubits
    ]
    target = Target(num_qubits=len(qubits), qubit_properties=qubits)
    standard = standard_gates.get_standard_gate_name_mapping()
    by_name: dict[str, dict[tuple[int, ...], InstructionProperties | None]] = {}
    for (name, on), own in calibration.gates.items():
        by_name.setdefault(name, {})[on] = InstructionProperties(own.duration, own.error)
    everywhere: dict[tuple[int, ...], Any] = {(number,): None for number in range(len(qubits))}
    # Tables leave out what has no error: turns about Z, and what is no gate. Measurements are at
    # the end, so that schedules do not depend on how long they take.
    at_once: dict[tuple[int, ...], Any] = {
        own: InstructionProperties(duration=0.0) for own in everywhere
    }
    others: dict[str, Any] = {
        **dict.fromkeys(("rz", "measure"), at_once),
        **dict.fromkeys(("reset", "delay"), everywhere),
    }
    by_name = {**others, **by_name}
    for name, properties in by_name.items():
        if _VARIANT.match(name):
            continue
        if name not in standard:
            raise ValueError(f"{calibration.name} has the instruction {name!r}, unknown to Qiskit.")
        count = standard[name].num_qubits
        for on in properties:
            if len(on) != count:
                raise ValueError(
                    f"{calibration.name} has {title_of((name, on))}, but {name} acts on {count} "
                    "qubits."
                )
        target.add_instruction(standard[name], properties)
    return target


# --- tables ---------------------------------------------------------------------------------------

_NAMES = {
    "id": "id",
    "sx": "sx",
    "√x": "sx",
    "pauli-x": "x",
    "x": "x",
    "rx": "rx",
    "rz": "rz",
    "z-axis rotation": "rz",
    "cnot": "cx",
    "cx": "cx",
    "cz": "cz",
    "ecr": "ecr",
    "rzz": "rzz",
}
"""The gates of columns of errors, by how the columns begin."""

_TIME_COLUMNS = ("gate time", "gate length")
_PAIR = re.compile(r"^(?:(\d+)_)?(\d+)$")


def _of_table(text: str, name: str) -> Calibration:
    rows = list(csv.DictReader(text.splitlines(), skipinitialspace=True))
    if not rows or "qubit" not in map(_plain, rows[0]):
        raise ValueError("it has no rows, or no column 'Qubit'")
    table = [
        {_plain(key): (value or "").strip() for key, value in row.items() if key} for row in rows
    ]
    numbers = [_whole_number(row, "qubit", row["qubit"]) for row in table]
    if sorted(numbers) != list(range(len(numbers))):
        raise ValueError(f"its column 'Qubit' has {numbers}, not each qubit once from 0 on")
    by_qubit = sorted(zip(numbers, table, strict=True), key=lambda pair: pair[0])
    gates = {key: own for number, row in by_qubit for key, own in _gates_of_row(number, row)}
    return Calibration(name, tuple(_qubit_of_row(row) for _, row in by_qubit), gates)


def _plain(column: str | None) -> str:
    """A column's name without what has changed over the years: case, spaces, the gate's symbol."""
    return re.sub(r"\s+", " ", (column or "").strip().lower())


def _qubit_of_row(row: Mapping[str, str]) -> QubitCalibration:
    p01, p10 = (_optional(row, key) for key in ("prob meas0 prep1", "prob meas1 prep0"))
    both = _optional(row, "readout assignment error")
    times = [_optional(row, f"{key} (us)") for key in ("t1", "t2")]
    # A time of 0 is none that was measured.
    t1, t2 = (time * 1e-6 if time else inf for time in times)
    return QubitCalibration(t1, t2, _readout(p10, p01, both))


def _gates_of_row(
    number: int, row: Mapping[str, str]
) -> Iterator[tuple[Instruction, GateCalibration]]:
    single = _optional(row, "single-qubit gate length (ns)")
    joint = dict(_pairs(number, row, next((c for c in row if c.startswith(_TIME_COLUMNS)), None)))
    for column, value in row.items():
        name = _gate_of(column)
        if name is None or not value:
            continue
        if ":" in value:
            for qubits, error in _pairs(number, row, column):
                time = joint.get(qubits)
                own = GateCalibration(None if time is None else time * 1e-9, error)
                yield (name, qubits), own
        else:
            # Turns about Z are made by software, in no time.
            time = 0.0 if name == "rz" else None if single is None else single * 1e-9
            yield (name, (number,)), GateCalibration(time, _number(row, column, value))


def _gate_of(column: str) -> str | None:
    """The gate that a column of errors is about."""
    if not column.endswith("error") or column.startswith("readout"):
        return None
    stem = column.removesuffix("error").strip()
    stem = re.sub(r"\s*\(.*\)$", "", stem)
    return _NAMES.get(stem)


def _pairs(
    number: int, row: Mapping[str, str], column: str | None
) -> Iterator[tuple[tuple[int, ...], float]]:
    """The numbers of pairs of qubits, written as ``0_1:0.01;0_2:0.02`` or ``1:0.01;2:0.02``."""
    for entry in filter(None, (row[column] if column else "").split(";")):
        pair, _, value = entry.partition(":")
        match = _PAIR.match(pair.strip())
        if match is None or column is None:
            raise ValueError(f"its column {column!r} has {entry!r}, not such as 0_1:0.01")
        first = number if match[1] is None else int(match[1])
        yield (first, int(match[2])), _number(row, column, value)


def _optional(row: Mapping[str, str], column: str) -> float | None:
    value = row.get(column, "")
    return _number(row, column, value) if value else None


def _number(row: Mapping[str, str], column: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise ValueError(
            f"its column {column!r} has {value!r} for qubit {row.get('qubit')}, which is no number"
        ) from error


def _whole_number(row: Mapping[str, str], column: str, value: str) -> int:
    number = _number(row, column, value)
    if not number.is_integer():
        raise ValueError(f"its column {column!r} has {value!r}, which is no whole number")
    return int(number)
