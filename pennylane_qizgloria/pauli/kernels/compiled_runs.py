"""Runs: what happens on one wire, as one 4x4 matrix of each element of a batch or of all.

A state is a flat array of ``words * b`` numbers with the elements of a batch innermost, so that
one word of ``b`` elements is a contiguous row. `table` says what the columns of a step mean.
"""

from __future__ import annotations

from math import cos, sin

from .jit import at, compiled, inlined
from .patterns import DIAGONAL, UNITAL
from .table import (
    BASES,
    BATCHED,
    CONSTANT,
    INNER,
    ITEMS,
    NUM_BASES,
    NUM_ITEMS,
    NUMBER,
    PLAIN,
    SOURCE,
    VARIES,
)

# --- numbers --------------------------------------------------------------------------------------


@inlined
def read(source, place, t, numbers):
    """A number: of all elements, of one element, or constant."""
    plain, batched, constant = numbers
    if source == PLAIN:
        return plain[place]
    if source == CONSTANT:
        return constant[place]
    return batched[t, place]


@inlined
def add(source, place, t, gradients, value):
    """Add to the gradient of a number."""
    plain, batched = gradients
    if source == PLAIN:
        plain[place] += value
    elif source == BATCHED:
        batched[t, place] += value


@compiled
def rotation_angles(rotations, scales, numbers, start, b, cosines, sines):
    """The cosine and the sine of every rotation, for all elements of a tile."""
    for n in range(len(scales)):
        source, place = rotations[n, 0], rotations[n, 1]
        for t in range(b):
            if t == 0 or source == BATCHED:
                theta = scales[n] * read(source, place, start + t, numbers)
                cosines[n, t], sines[n, t] = cos(theta), sin(theta)
            else:
                cosines[n, t], sines[n, t] = cosines[n, 0], sines[n, 0]


# --- the 4x4 matrix of a run ----------------------------------------------------------------------


@inlined
def read_matrix(source, place, t, numbers, matrices, k):
    """Read a 4x4 matrix into the k-th of several."""
    plain, batched, constant = numbers
    if source == CONSTANT:
        for n in range(16):
            matrices[k, n // 4, n % 4] = constant[place + n]
    elif source == PLAIN:
        for n in range(16):
            matrices[k, n // 4, n % 4] = plain[place + n]
    else:
        for n in range(16):
            matrices[k, n // 4, n % 4] = batched[t, place + n]


@inlined
def rotate_matrix(matrices, k, axis, c, s):
    """Multiply a rotation about a Pauli to a matrix from the left."""
    p = at(axis % 3 + 1)
    q = at(p % 3 + 1)
    for j in range(4):
        x, y = matrices[k, p, j], matrices[k, q, j]
        matrices[k, p, j] = c * x - s * y
        matrices[k, q, j] = c * y + s * x


@inlined
def multiply(left, k, right, n, product, m):
    """The product of two matrices; ``product`` is none of them."""
    for i in range(4):
        for j in range(4):
            product[m, i, j] = (
                left[k, i, 0] * right[n, 0, j]
                + left[k, i, 1] * right[n, 1, j]
                + left[k, i, 2] * right[n, 2, j]
                + left[k, i, 3] * right[n, 3, j]
            )


@compiled
def run_products(first, count, items, t, numbers, start, angles, products, spare):
    """The products of the first k operations of a run for one element, ``products[k]``."""
    cosines, sines = angles
    for i in range(4):
        for j in range(4):
            products[0, i, j] = 1 if i == j else 0
    for k in range(count):
        axis, source = items[first + k, 0], items[first + k, 1]
        place = at(items[first + k, 2])
        if axis:
            for i in range(4):
                for j in range(4):
                    products[k + 1, i, j] = products[k, i, j]
            rotate_matrix(products, k + 1, axis, cosines[place, t], sines[place, t])
        elif k == 0:
            read_matrix(source, place, start + t, numbers, products, 1)
        else:
            read_matrix(source, place, start + t, numbers, spare, 0)
            multiply(spare, 0, products, k, products, k + 1)


@compiled
def pull_back_products(
    first, count, items, t, numbers, start, angles, products, spare, g, turned, gradients
):
    """The gradients of a run's numbers from that of its matrix, ``g[0]``, which is used up."""
    cosines, sines = angles
    for k in range(count - 1, -1, -1):
        axis, source = items[first + k, 0], items[first + k, 1]
        place = at(items[first + k, 2])
        if axis:
            p = at(axis % 3 + 1)
            q = at(p % 3 + 1)
            for j in range(4):
                turned[place, t] += (
                    g[0, q, j] * products[k + 1, p, j] - g[0, p, j] * products[k + 1, q, j]
                )
            if k:
                rotate_matrix(g, 0, axis, cosines[place, t], -sines[place, t])
            continue
        if source != CONSTANT:
            for i in range(4):
                for j in range(4):
                    total = g.dtype.type(0)
                    for n in range(4):
                        total += g[0, i, n] * products[k, j, n]
                    add(source, place + 4 * i + j, start + t, gradients, total)
        if k:
            read_matrix(source, place, start + t, numbers, spare, 0)
            for j in range(4):
                w, x, y, z = g[0, 0, j], g[0, 1, j], g[0, 2, j], g[0, 3, j]
                for i in range(4):
                    g[0, i, j] = (
                        spare[0, 0, i] * w
                        + spare[0, 1, i] * x
                        + spare[0, 2, i] * y
                        + spare[0, 3, i] * z
                    )


@compiled
def product_tangents(
    first, count, items, t, numbers, tangents, start, angles, turns, products, images, spare
):
    """The tangents of `products`, ``images[k]``."""
    cosines, sines = angles
    for i in range(4):
        for j in range(4):
            images[0, i, j] = 0
    for k in range(count):
        axis, source = items[first + k, 0], items[first + k, 1]
        place = at(items[first + k, 2])
        if axis:
            p = at(axis % 3 + 1)
            q = at(p % 3 + 1)
            for i in range(4):
                for j in range(4):
                    images[k + 1, i, j] = images[k, i, j]
            rotate_matrix(images, k + 1, axis, cosines[place, t], sines[place, t])
            for j in range(4):
                images[k + 1, p, j] -= turns[place, t] * products[k + 1, q, j]
                images[k + 1, q, j] += turns[place, t] * products[k + 1, p, j]
            continue
        read_matrix(source, place, start + t, numbers, spare, 0)
        multiply(spare, 0, images, k, images, k + 1)
        if source != CONSTANT:
            read_matrix(source, place, start + t, tangents, spare, 0)
            multiply(spare, 0, products, k, spare, 1)
            for i in range(4):
                for j in range(4):
                    images[k + 1, i, j] += spare[1, i, j]


# --- runs on the state ----------------------------------------------------------------------------


@compiled
def run(state, m, n, shape, bases, first, count, inner, b):
    """Apply the n-th 4x4 matrix to all elements."""
    m00, m01, m02, m03 = m[n, 0, 0], m[n, 0, 1], m[n, 0, 2], m[n, 0, 3]
    m10, m11, m12, m13 = m[n, 1, 0], m[n, 1, 1], m[n, 1, 2], m[n, 1, 3]
    m20, m21, m22, m23 = m[n, 2, 0], m[n, 2, 1], m[n, 2, 2], m[n, 2, 3]
    m30, m31, m32, m33 = m[n, 3, 0], m[n, 3, 1], m[n, 3, 2], m[n, 3, 3]
    length = at(inner * b)
    for k in range(first, first + count):
        w = at(bases[k] * b)
        x, y, z = w + length, w + 2 * length, w + 3 * length
        if shape == DIAGONAL:
            for t in range(length):
                state[x + t] *= m11
                state[y + t] *= m22
                state[z + t] *= m33
        elif shape == UNITAL:
            for t in range(length):
                x0, y0, z0 = state[x + t], state[y + t], state[z + t]
                state[x + t] = m11 * x0 + m12 * y0 + m13 * z0
                state[y + t] = m21 * x0 + m22 * y0 + m23 * z0
                state[z + t] = m31 * x0 + m32 * y0 + m33 * z0
        else:
            for t in range(length):
                w0, x0, y0, z0 = state[w + t], state[x + t], state[y + t], state[z + t]
                state[w + t] = m00 * w0 + m01 * x0 + m02 * y0 + m03 * z0
                state[x + t] = m10 * w0 + m11 * x0 + m12 * y0 + m13 * z0
                state[y + t] = m20 * w0 + m21 * x0 + m22 * y0 + m23 * z0
                state[z + t] = m30 * w0 + m31 * x0 + m32 * y0 + m33 * z0


@compiled
def run_each(state, m, bases, first, count, inner, b):
    """Apply to each element a matrix of its own, ``m[i, j, t]``."""
    length = at(inner * b)
    for k in range(first, first + count):
        for word in range(inner):
            w = at((bases[k] + word) * b)
            x, y, z = w + length, w + 2 * length, w + 3 * length
            for t in range(b):
                w0, x0, y0, z0 = state[w + t], state[x + t], state[y + t], state[z + t]
                for i in range(4):
                    state[w + i * length + t] = (
                        m[i, 0, t] * w0 + m[i, 1, t] * x0 + m[i, 2, t] * y0 + m[i, 3, t] * z0
                    )


@compiled
def outer_products(o, r, shape, bases, first, count, inner, b, g):
    """The sums of ``o[i] r[j]`` over all words of the other wires and all elements, ``g[0]``."""
    zero = o.dtype.type(0)
    g11 = g12 = g13 = g21 = g22 = g23 = g31 = g32 = g33 = zero
    g00 = g01 = g02 = g03 = g10 = g20 = g30 = zero
    length = at(inner * b)
    for k in range(first, first + count):
        w = at(bases[k] * b)
        x, y, z = w + length, w + 2 * length, w + 3 * length
        for t in range(length):
            x0, y0, z0 = r[x + t], r[y + t], r[z + t]
            u0, v0, e0 = o[x + t], o[y + t], o[z + t]
            g11 += u0 * x0
            g12 += u0 * y0
            g13 += u0 * z0
            g21 += v0 * x0
            g22 += v0 * y0
            g23 += v0 * z0
            g31 += e0 * x0
            g32 += e0 * y0
            g33 += e0 * z0
        if shape > UNITAL:
            for t in range(length):
                g00 += o[w + t] * r[w + t]
                g01 += o[w + t] * r[x + t]
                g02 += o[w + t] * r[y + t]
                g03 += o[w + t] * r[z + t]
                g10 += o[x + t] * r[w + t]
                g20 += o[y + t] * r[w + t]
                g30 += o[z + t] * r[w + t]
    g[0, 0, 0], g[0, 0, 1], g[0, 0, 2], g[0, 0, 3] = g00, g01, g02, g03
    g[0, 1, 0], g[0, 1, 1], g[0, 1, 2], g[0, 1, 3] = g10, g11, g12, g13
    g[0, 2, 0], g[0, 2, 1], g[0, 2, 2], g[0, 2, 3] = g20, g21, g22, g23
    g[0, 3, 0], g[0, 3, 1], g[0, 3, 2], g[0, 3, 3] = g30, g31, g32, g33


@compiled
def outer_products_of_each(o, r, bases, first, count, inner, b, g):
    """The same for each element, ``g[i, j, t]``."""
    for i in range(4):
        for j in range(4):
            for t in range(b):
                g[i, j, t] = 0
    length = inner * b
    for k in range(first, first + count):
        for word in range(inner):
            base = (bases[k] + word) * b
            for i in range(4):
                row = at(base + i * length)
                for j in range(4):
                    column = at(base + j * length)
                    for t in range(b):
                        g[i, j, t] += o[row + t] * r[column + t]


@compiled
def run_step(state, steps, n, table, numbers, start, b, angles, room):
    """Apply a run."""
    products, spare, each, _, _, _ = room
    bases, items = table[1], table[3]
    first, count, inner = steps[n, BASES], steps[n, NUM_BASES], steps[n, INNER]
    item, length = steps[n, ITEMS], steps[n, NUM_ITEMS]
    if steps[n, SOURCE] != BATCHED:
        run_products(item, length, items, 0, numbers, start, angles, products, spare)
        run(state, products, length, steps[n, NUMBER], bases, first, count, inner, b)
        return
    for t in range(b):
        run_products(item, length, items, t, numbers, start, angles, products, spare)
        for i in range(4):
            for j in range(4):
                each[i, j, t] = products[length, i, j]
    run_each(state, each, bases, first, count, inner, b)


@compiled
def run_step_back(o, r, steps, n, table, numbers, start, b, angles, room, turned, gradients):
    """Apply a transposed run to o; add the gradients of its numbers."""
    products, spare, each, gradient_of_each, g, _ = room
    bases, items = table[1], table[3]
    first, count, inner = steps[n, BASES], steps[n, NUM_BASES], steps[n, INNER]
    item, length, shape = steps[n, ITEMS], steps[n, NUM_ITEMS], steps[n, NUMBER]
    if steps[n, SOURCE] != BATCHED:
        run_products(item, length, items, 0, numbers, start, angles, products, spare)
        if steps[n, VARIES]:
            outer_products(o, r, shape, bases, first, count, inner, b, g)
            pull_back_products(
                item,
                length,
                items,
                0,
                numbers,
                start,
                angles,
                products,
                spare,
                g,
                turned,
                gradients,
            )
        for i in range(4):
            for j in range(4):
                spare[1, i, j] = products[length, j, i]
        run(o, spare, 1, shape, bases, first, count, inner, b)
        return
    outer_products_of_each(o, r, bases, first, count, inner, b, gradient_of_each)
    for t in range(b):
        run_products(item, length, items, t, numbers, start, angles, products, spare)
        for i in range(4):
            for j in range(4):
                each[i, j, t] = products[length, j, i]
                g[0, i, j] = gradient_of_each[i, j, t]
        pull_back_products(
            item, length, items, t, numbers, start, angles, products, spare, g, turned, gradients
        )
    run_each(o, each, bases, first, count, inner, b)


@compiled
def run_tangent(
    change, state, steps, n, table, numbers, tangents, start, b, angles, turns, images, room
):
    """The tangent of a run: T dr + dT r."""
    products, spare, each, _, _, _ = room
    bases, items = table[1], table[3]
    first, count, inner = steps[n, BASES], steps[n, NUM_BASES], steps[n, INNER]
    item, length = steps[n, ITEMS], steps[n, NUM_ITEMS]
    image = state.copy()
    many = b if steps[n, SOURCE] == BATCHED else 1
    for part in range(2):
        for t in range(b):
            if t < many:
                run_products(item, length, items, t, numbers, start, angles, products, spare)
                if part:
                    product_tangents(
                        item,
                        length,
                        items,
                        t,
                        numbers,
                        tangents,
                        start,
                        angles,
                        turns,
                        products,
                        images,
                        spare,
                    )
            for i in range(4):
                for j in range(4):
                    each[i, j, t] = images[length, i, j] if part else products[length, i, j]
        run_each(image if part else change, each, bases, first, count, inner, b)
    for t in range(len(image)):
        change[t] += image[t]
