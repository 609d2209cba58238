"""Swaps as other names for wires: they cost nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import torch

from ..maps.transfer import ClosedForm
from .program import Operand, Operation, Program


def without_swaps(program: Program) -> tuple[Program, tuple[int, ...]]:
    """The program with relabelled wires and no swaps.

    Returns:
        The program, and for each of its wires the one of the given program that it is in the end.
    """
    if not any(_is_swap(operation) for operation in program.operations):
        return program, tuple(range(program.num_wires))
    label = list(range(program.num_wires))
    operations = []
    for operation in program.operations:
        if _is_swap(operation):
            a, b = operation.wires
            label[a], label[b] = label[b], label[a]
        else:
            wires = tuple(label[wire] for wire in operation.wires)
            operations.append(replace(operation, wires=wires))
    observed = frozenset((label[wire], pauli) for wire, pauli in program.observed)
    back = sorted(range(program.num_wires), key=label.__getitem__)
    return Program(program.num_wires, tuple(operations), observed), tuple(back)


def _is_swap(operation: Operation) -> bool:
    return not isinstance(operation.form, Operand) and _swaps(operation.form)


@lru_cache(maxsize=1024)
def _swaps(form: ClosedForm) -> bool:
    """Whether a map without parameters exchanges two wires."""
    if form.num_params or form.num_wires != 2:
        return False
    exchange = torch.eye(16, dtype=torch.float64).reshape(4, 4, 4, 4).transpose(0, 1)
    return torch.equal(form(torch.empty(0, dtype=torch.float64)), exchange.reshape(16, 16))
