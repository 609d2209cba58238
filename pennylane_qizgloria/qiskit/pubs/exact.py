"""Exact results from Aer: the density matrix that a circuit ends in.

The first wire is the most significant one of the matrix, as PennyLane has it. Aer's estimator is
exact as well, and serves expectation values; this is for all other measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.measurements import StateMP
from pennylane.tape import QuantumScript
from pennylane.wires import Wires
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2

from ...results import unwrapped
from ..backends.checked_backend import require_success
from ..compile.structures import TapeReader, parametrise
from ..compile.transpilation import Compiled, Compiler
from ..convert.channels import exact_options
from ..measurements.bases import diagonalized
from .packing import qubit_order


def exact_results(
    tapes: Sequence[QuantumScript],
    wires: Wires | None,
    backend: BackendV2,
    compiler: Compiler,
    with_idle: bool = False,
) -> list[Any]:
    """The exact results of tapes without shots, in PennyLane's shapes.

    Args:
        tapes: the tapes.
        wires: the device's; None for each tape's own.
        backend: an ``AerSimulator``.
        compiler: compiles the circuits.
        with_idle: whether wires that a tape does not use are qubits, too.

    Raises:
        RuntimeError: if the simulation fails.
    """
    reader = TapeReader()
    circuits, binds, orders, lengths = [], [], [], []
    for tape in tapes:
        order = qubit_order(tape, wires, with_idle)
        rotated = diagonalized(tape)
        structure, values = reader.read(rotated, order)
        compiled = compiler.compiled(("exact", structure), partial(parametrise, rotated, order))
        columns = zip(compiled.source.circuit.parameters, values.T, strict=True)
        effective = set(compiled.circuit.parameters)
        bind = {parameter: list(own) for parameter, own in columns if parameter in effective}
        circuits.append(_saving(compiled, len(order)))
        binds.append(bind)
        orders.append(order)
        # A circuit without parameters runs once, however long its tape's batch is.
        lengths.append(len(values) if bind else 1)
    options = exact_options(backend, circuits)
    bound = binds if any(binds) else None
    result = backend.run(circuits, parameter_binds=bound, **options).result()
    require_success(backend.name, result)
    data = iter(range(len(result.results)))
    return [
        _measured(tape, order, [np.asarray(result.data(next(data))["rho"]) for _ in range(length)])
        for tape, order, length in zip(tapes, orders, lengths, strict=True)
    ]


def _saving(compiled: Compiled, num_wires: int) -> QuantumCircuit:
    """A circuit that ends by saving its density matrix, the first wire most significant."""
    import qiskit_aer  # noqa: F401 (adds save_density_matrix to circuits)

    # Saved after compiling: what is compiled for may not be a simulator.
    circuit, layout = compiled.circuit.copy(), compiled.circuit.layout
    qubits = list(range(num_wires)) if layout is None else layout.final_index_layout()
    circuit.save_density_matrix(qubits[::-1], label="rho")
    return circuit


def _measured(tape: QuantumScript, order: list, matrices: list[np.ndarray]) -> Any:
    labels = Wires(order)
    if tape.batch_size is not None and len(matrices) == 1:
        matrices = matrices * tape.batch_size
    columns = [
        [_value(process, matrix, labels) for matrix in matrices] for process in tape.measurements
    ]
    batched = tape.batch_size is not None
    results = [np.stack(column) if batched else np.asarray(column[0])[()] for column in columns]
    return unwrapped(results)


def _value(process: Any, matrix: np.ndarray, labels: Wires) -> Any:
    # PennyLane's StateMP converts no density matrix, not even to itself.
    if type(process) is StateMP:
        process = qml.density_matrix(wires=process.wires or labels)
    return process.process_density_matrix(matrix, labels)
