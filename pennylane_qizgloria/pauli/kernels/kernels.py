"""The kernels: programs forwards, backwards, and forwards with tangents.

Batches run in tiles that fit the cache; the saved states of a tile lie one behind the other.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
from numba import njit

from . import compiled_runs, compiled_steps, jit, patterns
from . import table as table_module
from .compiled_runs import add, read, rotation_angles, run_step, run_step_back, run_tangent
from .compiled_steps import (
    add_applied,
    add_scaled,
    add_turned,
    apply,
    exchange,
    matrix_gradient,
    prepare,
    prepare_back,
    prepare_tangent,
    rotate,
    rotated_products,
    scale,
    scale_gradient,
)
from .jit import OPTIONS, compiled
from .table import APPLY, INNER, KIND, PERMUTE, ROTATE, RUN, SCALE, SIZE, VARIES


@compiled
def working_arrays(table, longest, tile, like):
    """Working arrays of a tile: for angles, for matrices, and for the words of one base."""
    steps, scales = table[0], table[7]
    largest = 0
    for n in range(len(steps)):
        if steps[n, KIND] == APPLY:
            largest = max(largest, steps[n, SIZE] * steps[n, INNER])
    dtype = like.dtype
    angles = (np.empty((len(scales), tile), dtype), np.empty((len(scales), tile), dtype))
    room = (
        np.empty((longest + 1, 4, 4), dtype),
        np.empty((2, 4, 4), dtype),
        np.empty((4, 4, tile), dtype),
        np.empty((4, 4, tile), dtype),
        np.empty((1, 4, 4), dtype),
        np.empty(largest * tile, dtype),
    )
    return angles, room


@compiled
def zero_state(state, words, b):
    """The state in which every wire is in |0>: 1 for the words of I and Z."""
    for word in range(words):
        rest = word
        while rest and rest % 4 in (0, 3):
            rest //= 4
        for t in range(b):
            state[word * b + t] = 1 if rest == 0 else 0


@compiled
def step(state, n, table, numbers, start, b, angles, room):
    """Apply a step."""
    steps = table[0]
    kind = steps[n, KIND]
    if kind == RUN:
        run_step(state, steps, n, table, numbers, start, b, angles, room)
    elif kind == ROTATE:
        rotate(state, steps, n, table, b, angles, 1)
    elif kind == PERMUTE:
        exchange(state, steps, n, table, b, False)
    elif kind == APPLY:
        apply(state, steps, n, table, numbers, start, b, False, room[5])
    elif kind == SCALE:
        scale(state, steps, n, table, numbers, start, b)
    else:
        prepare(state, steps, n, table, numbers, start, b)


@compiled
def step_back(o, r, n, table, numbers, start, b, angles, room, turned, gradients):
    """Apply a transposed step to o, and add the gradients of its numbers; r is the state before."""
    steps = table[0]
    kind = steps[n, KIND]
    if kind == RUN:
        run_step_back(o, r, steps, n, table, numbers, start, b, angles, room, turned, gradients)
    elif kind == ROTATE:
        rotate(o, steps, n, table, b, angles, -1)
        if steps[n, VARIES]:
            rotated_products(o, r, steps, n, table, b, turned)
    elif kind == PERMUTE:
        exchange(o, steps, n, table, b, True)
    elif kind == APPLY:
        if steps[n, VARIES]:
            matrix_gradient(o, r, steps, n, table, start, b, gradients)
        apply(o, steps, n, table, numbers, start, b, True, room[5])
    elif kind == SCALE:
        if steps[n, VARIES]:
            scale_gradient(o, r, steps, n, table, start, b, gradients)
        scale(o, steps, n, table, numbers, start, b)
    else:
        prepare_back(o, r, steps, n, table, numbers, start, b, gradients)


@compiled
def run_tile(table, numbers, start, b, words, keep, states, angles, room):
    """The final state of a tile; ``states`` has room for all that are saved, or for one."""
    steps = table[0]
    rotation_angles(table[6], table[7], numbers, start, b, angles[0], angles[1])
    length = words * b
    state = states[:length]
    zero_state(state, words, b)
    at = 0
    for n in range(len(steps)):
        if keep and steps[n, VARIES]:
            before, at = state, at + length
            state = states[at : at + length]
            state[:] = before
        step(state, n, table, numbers, start, b, angles, room)
    return state


@compiled
def _forward(table, numbers, start, stop, tile, words, longest, count, keep, states, out):
    """The final states of some elements of a batch.

    Args:
        table: the arrays of a table.
        numbers: plain, batched and constant.
        start: the first element.
        stop: behind the last one.
        tile: how many elements at once.
        words: the size of a state.
        longest: how many operations the longest run has.
        count: how many states are saved, the final one among them.
        keep: whether they are.
        states: room for ``count * words`` numbers for each element; without ``keep``, for one
            tile's state.
        out: ``(words, batch)``, is written.
    """
    angles, room = working_arrays(table, longest, tile, out)
    for first in range(start, stop, tile):
        b = min(tile, stop - first)
        own = states[: words * b]
        if keep:
            own = states[count * words * first : count * words * (first + b)]
        state = run_tile(table, numbers, first, b, words, keep, own, angles, room)
        for word in range(words):
            for t in range(b):
                out[word, first + t] = state[word * b + t]


@compiled
def _reverse(
    table, numbers, start, stop, tile, words, longest, count, states, cotangent, gradients
):
    """The gradients of the numbers; where no states are given, the tiles run forward again.

    Args:
        table: this and what has no other description is as in `forward`.
        numbers: plain, batched and constant.
        start: the first element.
        stop: behind the last one.
        tile: how many elements at once.
        words: the size of a state.
        longest: how many operations the longest run has.
        count: how many states are saved.
        states: what `forward` saved, or nothing.
        cotangent: of the final states, ``(batch, words)``.
        gradients: of the plain and the batched numbers; are added to.
    """
    steps, rotations, scales = table[0], table[6], table[7]
    angles, room = working_arrays(table, longest, tile, cotangent)
    o_of_tile = np.empty(words * tile, cotangent.dtype)
    again = np.empty(0 if len(states) else count * words * tile, cotangent.dtype)
    turned = np.empty((len(scales), tile), cotangent.dtype)
    for first in range(start, stop, tile):
        b = min(tile, stop - first)
        length = words * b
        if len(states):
            own = states[count * words * first : count * words * (first + b)]
            rotation_angles(rotations, scales, numbers, first, b, angles[0], angles[1])
        else:
            own = again[: count * length]
            run_tile(table, numbers, first, b, words, True, own, angles, room)
        o = o_of_tile[:length]
        for t in range(b):
            for word in range(words):
                o[word * b + t] = cotangent[first + t, word]
        turned[:] = 0
        at = len(own) - length
        for n in range(len(steps) - 1, -1, -1):
            if steps[n, VARIES]:
                at -= length
            r = own[at : at + length]
            step_back(o, r, n, table, numbers, first, b, angles, room, turned, gradients)
        for n in range(len(scales)):
            for t in range(b):
                value = scales[n] * turned[n, t]
                add(rotations[n, 0], rotations[n, 1], first + t, gradients, value)


@compiled
def _tangent(table, numbers, tangents, start, stop, tile, words, longest, out):
    """The tangents of the final states.

    Args:
        table: this and what has no other description is as in `forward`.
        numbers: plain, batched and constant.
        tangents: of the numbers, zero for the constants.
        start: the first element.
        stop: behind the last one.
        tile: how many elements at once.
        words: the size of a state.
        longest: how many operations the longest run has.
        out: ``(words, batch)``, is written.
    """
    steps, rotations, scales = table[0], table[6], table[7]
    angles, room = working_arrays(table, longest, tile, out)
    images, rows = np.empty_like(room[0]), room[5]
    turns = np.empty((len(scales), tile), out.dtype)
    states, changes = np.empty(words * tile, out.dtype), np.empty(words * tile, out.dtype)
    for first in range(start, stop, tile):
        b = min(tile, stop - first)
        state, change = states[: words * b], changes[: words * b]
        rotation_angles(rotations, scales, numbers, first, b, angles[0], angles[1])
        for n in range(len(scales)):
            for t in range(b):
                turns[n, t] = scales[n] * read(
                    rotations[n, 0], rotations[n, 1], first + t, tangents
                )
        zero_state(state, words, b)
        change[:] = 0
        for n in range(len(steps)):
            kind = steps[n, KIND]
            if kind == RUN:
                run_tangent(
                    change,
                    state,
                    steps,
                    n,
                    table,
                    numbers,
                    tangents,
                    first,
                    b,
                    angles,
                    turns,
                    images,
                    room,
                )
            elif kind == APPLY:
                apply(change, steps, n, table, numbers, first, b, False, rows)
                add_applied(change, state, steps, n, table, tangents, first, b, rows)
            elif kind == SCALE:
                scale(change, steps, n, table, numbers, first, b)
                add_scaled(change, state, steps, n, table, tangents, first, b)
            elif kind == PERMUTE:
                exchange(change, steps, n, table, b, False)
            elif kind == ROTATE:
                add_turned(change, state, steps, n, table, b, turns)
                rotate(change, steps, n, table, b, angles, 1)
            else:
                prepare_tangent(change, state, steps, n, table, numbers, tangents, first, b)
            step(state, n, table, numbers, first, b, angles, room)
        for word in range(words):
            for t in range(b):
                out[word, first + t] = change[word * b + t]


# --- as they are called ---------------------------------------------------------------------------


def _sources() -> str:
    """A digest of all that the kernels are compiled from."""
    files = (__file__, jit.__file__, compiled_runs.__file__, compiled_steps.__file__)
    digest = sha256()
    for file in (*files, table_module.__file__, patterns.__file__):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def _on_disk(function: Callable[..., None]) -> Callable[..., None]:
    """A compiled function, kept on disk if there is a folder that can be written to."""
    try:
        return njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # numba found none
        return njit(**OPTIONS)(function)


def _cached(sources: str) -> tuple[Callable[..., None], ...]:
    """The kernels, kept on disk as long as these are their sources.

    numba itself looks for changes in the file of the function that is called only. What a function
    takes from around it is part of the key under which numba keeps it.
    """

    @_on_disk
    def forward(table, numbers, start, stop, tile, words, longest, count, keep, states, out):
        sources  # noqa: B018
        _forward(table, numbers, start, stop, tile, words, longest, count, keep, states, out)

    @_on_disk
    def reverse(table, numbers, start, stop, tile, words, longest, count, states, cotangent, grads):
        sources  # noqa: B018
        _reverse(table, numbers, start, stop, tile, words, longest, count, states, cotangent, grads)

    @_on_disk
    def tangent(table, numbers, tangents, start, stop, tile, words, longest, out):
        sources  # noqa: B018
        _tangent(table, numbers, tangents, start, stop, tile, words, longest, out)

    return forward, reverse, tangent


forward, reverse, tangent = _cached(_sources())
