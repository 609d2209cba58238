"""Steps on several wires: rotations, permutations, matrices and new states.

States and steps are those of `compiled_runs`.
"""

from __future__ import annotations

from .compiled_runs import add, read
from .jit import at, compiled
from .table import (
    BASES,
    BATCHED,
    CONSTANT,
    INNER,
    ITEMS,
    NUM_BASES,
    NUM_ITEMS,
    NUMBER,
    OFFSETS,
    PLAIN,
    SIZE,
    SOURCE,
)

SHORT = 8
"""Rows of fewer numbers are not worth a loop of their own."""

# --- other steps on the state ---------------------------------------------------------------------


@compiled
def rotate(state, steps, n, table, b, angles, sign):
    """Turn pairs of words by the angle of each element, or back with sign -1."""
    _, bases, offsets, _, pairs, signs, _, _ = table
    cosines, sines = angles
    number, shift = at(steps[n, NUMBER]), steps[n, OFFSETS]
    for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
        for k in range(steps[n, ITEMS], steps[n, ITEMS] + steps[n, NUM_ITEMS]):
            own = sign * signs[k, 0]
            for word in range(steps[n, INNER]):
                base = bases[m] + word
                x = at((base + offsets[shift + pairs[k, 0]]) * b)
                y = at((base + offsets[shift + pairs[k, 1]]) * b)
                for t in range(b):
                    c, s = cosines[number, t], own * sines[number, t]
                    x0, y0 = state[x + t], state[y + t]
                    state[x + t] = c * x0 - s * y0
                    state[y + t] = c * y0 + s * x0


@compiled
def rotated_products(o, r, steps, n, table, b, turned):
    """The gradient of an angle: the product of o with the derivative of the turned r at zero."""
    _, bases, offsets, _, pairs, signs, _, _ = table
    number, shift = at(steps[n, NUMBER]), steps[n, OFFSETS]
    for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
        for k in range(steps[n, ITEMS], steps[n, ITEMS] + steps[n, NUM_ITEMS]):
            for word in range(steps[n, INNER]):
                base = bases[m] + word
                x = at((base + offsets[shift + pairs[k, 0]]) * b)
                y = at((base + offsets[shift + pairs[k, 1]]) * b)
                for t in range(b):
                    change = o[y + t] * r[x + t] - o[x + t] * r[y + t]
                    turned[number, t] += signs[k, 0] * change


@compiled
def add_turned(tangent, state, steps, n, table, b, turns):
    """Add the derivative of a turned state at zero, times the tangent of the angle."""
    _, bases, offsets, _, pairs, signs, _, _ = table
    number, shift = at(steps[n, NUMBER]), steps[n, OFFSETS]
    for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
        for k in range(steps[n, ITEMS], steps[n, ITEMS] + steps[n, NUM_ITEMS]):
            for word in range(steps[n, INNER]):
                base = bases[m] + word
                x = at((base + offsets[shift + pairs[k, 0]]) * b)
                y = at((base + offsets[shift + pairs[k, 1]]) * b)
                for t in range(b):
                    turn = signs[k, 0] * turns[number, t]
                    tangent[y + t] += turn * state[x + t]
                    tangent[x + t] -= turn * state[y + t]


@compiled
def exchange(state, steps, n, table, b, back):
    """Exchange words in order, ``x[i] = a x[j]`` and ``x[j] = d x[i]``, or undo that."""
    _, bases, offsets, _, pairs, signs, _, _ = table
    length, shift = at(steps[n, INNER] * b), steps[n, OFFSETS]
    first, count = steps[n, ITEMS], steps[n, NUM_ITEMS]
    for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
        for number in range(count):
            k = first + (count - 1 - number if back else number)
            a, d = signs[k, 0], signs[k, 1]
            if back:
                a, d = d, a
            x = at((bases[m] + offsets[shift + pairs[k, 0]]) * b)
            y = at((bases[m] + offsets[shift + pairs[k, 1]]) * b)
            for t in range(length):
                x0, y0 = state[x + t], state[y + t]
                state[x + t] = a * y0
                state[y + t] = d * x0


@compiled
def apply_to_columns(state, steps, n, table, numbers, b, transposed, rows):
    """Apply a matrix that all elements share, column by column; rows are too short to be added."""
    plain, _, constant = numbers
    _, bases, offsets, _, _, _, _, _ = table
    size, place = at(steps[n, SIZE]), at(steps[n, NUMBER])
    values = constant if steps[n, SOURCE] == CONSTANT else plain
    length, shift = at(steps[n, INNER] * b), steps[n, OFFSETS]
    along, across = (size, 1) if transposed else (1, size)
    for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
        for j in range(size):
            column = at((bases[m] + offsets[shift + j]) * b)
            for t in range(length):
                rows[t * size + j] = state[column + t]
        for i in range(size):
            row, first = at((bases[m] + offsets[shift + i]) * b), place + across * i
            for t in range(length):
                total = state.dtype.type(0)
                for j in range(size):
                    total += values[first + along * j] * rows[t * size + j]
                state[row + t] = total


@compiled
def apply(state, steps, n, table, numbers, start, b, transposed, rows):
    """Apply any matrix, or its transpose; ``rows`` has room for the words of one base."""
    batched = numbers[1]
    _, bases, offsets, _, _, _, _, _ = table
    size, source, place = steps[n, SIZE], steps[n, SOURCE], steps[n, NUMBER]
    length, shift = at(steps[n, INNER] * b), steps[n, OFFSETS]
    if length < SHORT and source != BATCHED:
        apply_to_columns(state, steps, n, table, numbers, b, transposed, rows)
        return
    for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
        for t in range(size * length):
            rows[t] = 0
        for i in range(size):
            row = at(i * length)
            for j in range(size):
                number = place + (size * j + i if transposed else size * i + j)
                column = at((bases[m] + offsets[shift + j]) * b)
                if source == BATCHED:
                    for word in range(steps[n, INNER]):
                        for t in range(b):
                            a = batched[start + t, number]
                            rows[row + word * b + t] += a * state[column + word * b + t]
                    continue
                a = read(source, number, 0, numbers)
                if a != 0:
                    for t in range(length):
                        rows[row + t] += a * state[column + t]
        for i in range(size):
            row, column = at(i * length), at((bases[m] + offsets[shift + i]) * b)
            for t in range(length):
                state[column + t] = rows[row + t]


@compiled
def scale(state, steps, n, table, numbers, start, b):
    """Multiply each word by its entry of a matrix's diagonal."""
    _, bases, offsets, _, _, _, _, _ = table
    size, source, place = steps[n, SIZE], steps[n, SOURCE], steps[n, NUMBER]
    inner, shift = steps[n, INNER], steps[n, OFFSETS]
    for i in range(size):
        number = place + i * (size + 1)
        if source != BATCHED:
            a = read(source, number, 0, numbers)
            if a == 1:
                continue
            for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
                row = at((bases[m] + offsets[shift + i]) * b)
                for t in range(inner * b):
                    state[row + t] *= a
            continue
        for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
            for word in range(inner):
                row = at((bases[m] + offsets[shift + i] + word) * b)
                for t in range(b):
                    state[row + t] *= read(source, number, start + t, numbers)


@compiled
def scale_gradient(o, r, steps, n, table, start, b, gradients):
    """Add the gradient of the diagonal that words are multiplied by."""
    _, bases, offsets, _, _, _, _, _ = table
    size, source, place = steps[n, SIZE], steps[n, SOURCE], steps[n, NUMBER]
    inner, shift = steps[n, INNER], steps[n, OFFSETS]
    for i in range(size):
        number = place + i * (size + 1)
        if source == PLAIN:
            total = o.dtype.type(0)
            for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
                row = at((bases[m] + offsets[shift + i]) * b)
                for t in range(inner * b):
                    total += o[row + t] * r[row + t]
            add(source, number, 0, gradients, total)
            continue
        for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
            for word in range(inner):
                row = at((bases[m] + offsets[shift + i] + word) * b)
                for t in range(b):
                    add(source, number, start + t, gradients, o[row + t] * r[row + t])


@compiled
def add_scaled(tangent, state, steps, n, table, tangents, start, b):
    """Add to a tangent what the tangent of a diagonal makes of the state before."""
    if steps[n, SOURCE] == CONSTANT:
        return
    image = state.copy()
    scale(image, steps, n, table, tangents, start, b)
    for t in range(len(image)):
        tangent[t] += image[t]


@compiled
def add_applied(tangent, state, steps, n, table, tangents, start, b, rows):
    """Add to a tangent what the tangent of a matrix makes of the state before."""
    if steps[n, SOURCE] == CONSTANT:
        return
    image = state.copy()
    apply(image, steps, n, table, tangents, start, b, False, rows)
    for t in range(len(image)):
        tangent[t] += image[t]


@compiled
def matrix_gradient(o, r, steps, n, table, start, b, gradients):
    """Add the gradient of a matrix on several wires."""
    _, bases, offsets, _, _, _, _, _ = table
    size, source, place = steps[n, SIZE], steps[n, SOURCE], steps[n, NUMBER]
    shift, inner = steps[n, OFFSETS], steps[n, INNER]
    if source == PLAIN:
        for i in range(size):
            for j in range(size):
                total = o.dtype.type(0)
                for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
                    row = at((bases[m] + offsets[shift + i]) * b)
                    column = at((bases[m] + offsets[shift + j]) * b)
                    for t in range(inner * b):
                        total += o[row + t] * r[column + t]
                add(source, place + size * i + j, 0, gradients, total)
        return
    for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
        for i in range(size):
            row = at((bases[m] + offsets[shift + i]) * b)
            for j in range(size):
                column = at((bases[m] + offsets[shift + j]) * b)
                number = place + size * i + j
                for t in range(b):
                    total = o.dtype.type(0)
                    for word in range(inner):
                        k = word * b + t
                        total += o[row + k] * r[column + k]
                    add(source, number, start + t, gradients, total)


@compiled
def prepare(state, steps, n, table, numbers, start, b):
    """Trace some wires out and put them in a new state."""
    _, bases, offsets, _, _, _, _, _ = table
    size, source, place = steps[n, SIZE], steps[n, SOURCE], steps[n, NUMBER]
    shift = steps[n, OFFSETS]
    for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
        for word in range(steps[n, INNER]):
            base = at((bases[m] + word) * b)
            # The first word, of which all are multiples, comes last.
            for i in range(size - 1, -1, -1):
                row = base + at(offsets[shift + i] * b)
                for t in range(b):
                    a = read(source, place + i, start + t, numbers)
                    state[row + t] = a * state[base + t]


@compiled
def prepare_back(o, r, steps, n, table, numbers, start, b, gradients):
    """The transpose of `prepare`; add the gradient of the new state."""
    _, bases, offsets, _, _, _, _, _ = table
    size, source, place = steps[n, SIZE], steps[n, SOURCE], steps[n, NUMBER]
    shift = steps[n, OFFSETS]
    for m in range(steps[n, BASES], steps[n, BASES] + steps[n, NUM_BASES]):
        for word in range(steps[n, INNER]):
            base = at((bases[m] + word) * b)
            for t in range(b):
                total = o.dtype.type(0)
                for i in range(size):
                    row = base + at(offsets[shift + i] * b)
                    add(source, place + i, start + t, gradients, o[row + t] * r[base + t])
                    total += read(source, place + i, start + t, numbers) * o[row + t]
                    o[row + t] = 0
                o[base + t] = total


@compiled
def prepare_tangent(tangent, state, steps, n, table, numbers, tangents, start, b):
    """The tangent of a prepared state; ``state`` is the one before."""
    prepare(tangent, steps, n, table, numbers, start, b)
    if steps[n, SOURCE] == CONSTANT:
        return
    image = state.copy()
    prepare(image, steps, n, table, tangents, start, b)
    for t in range(len(image)):
        tangent[t] += image[t]
