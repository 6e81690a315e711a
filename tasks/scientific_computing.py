#!/usr/bin/env python3
"""Numerical methods, each against what is known of its answer.

heat    the heat equation on a square by finite differences, against the analytic solution
nbody   bodies under their own gravity, leapfrog: energy, momentum and centre of mass have to stay
linear  a dense linear system whose solution was chosen beforehand
fea     the Poisson equation with bilinear finite elements and conjugate gradients, against the analytic solution
"""
import math
import random
import sys

sys.dont_write_bytecode = True

import tasklib  # noqa: E402

NAME = "scientific_computing"
TABLE = (
    tasklib.choice("SIM_TYPE", ("heat", "nbody", "linear", "fea"), "what is computed"),
    tasklib.number("GRID_SIZE", None, 16, "points of a side (heat, fea); by the kind unless set"),
    tasklib.number("TIME_STEPS", None, 1, "time steps (heat, nbody); by the kind unless set"),
    tasklib.number("NUM_BODIES", 500, 2, "bodies (nbody)", python=60),
    tasklib.number("MATRIX_SIZE", 2500, 2, "unknowns (linear)", python=220),
    tasklib.number("SEED", 1, 0, "random seed"),
)


def every_tenth(step, steps, what):
    if (step + 1) % max(1, steps // 10) == 0:
        print("%s %d of %d" % (what, step + 1, steps))


def heat(options):
    np = options.np
    size = options.grid_size or (600 if np else 40)
    steps = options.time_steps or (3000 if np else 1500)
    width, ratio = 1 / (size - 1), 0.2  # below 0.25 the scheme is stable
    waves = ((1, 1, 1.0), (2, 3, 0.5))

    def exact(y, x, step):
        return sum(a * math.sin(m * math.pi * x * width) * math.sin(n * math.pi * y * width)
                   * math.exp(-(m * m + n * n) * math.pi ** 2 * ratio * width ** 2 * step) for m, n, a in waves)
    if np:
        place = np.arange(size) * (math.pi * width)
        grid = sum(a * np.sin(n * place)[:, None] * np.sin(m * place)[None, :] for m, n, a in waves)
        grid[0] = grid[-1] = grid[:, 0] = grid[:, -1] = 0
        for step in range(steps):
            change = grid[:-2, 1:-1] + grid[2:, 1:-1]
            change += grid[1:-1, :-2]
            change += grid[1:-1, 2:]
            change *= ratio
            change += (1 - 4 * ratio) * grid[1:-1, 1:-1]
            grid[1:-1, 1:-1] = change
            every_tenth(step, steps, "step")
    else:
        grid = [[exact(y, x, 0) for x in range(size)] for y in range(size)]
        for row in grid:
            row[0] = row[-1] = 0.0
        grid[0], grid[-1] = [0.0] * size, [0.0] * size
        rest = 1 - 4 * ratio
        for step in range(steps):
            grid = [grid[0]] + [
                [0.0] + [rest * c + ratio * (a + b + l + r)
                         for a, b, c, l, r in zip(above[1:], below[1:], row[1:], row, row[2:])] + [0.0]
                for above, row, below in zip(grid, grid[1:], grid[2:])] + [grid[-1]]
            every_tenth(step, steps, "step")
    rng, worst = random.Random(options.seed), 0.0
    for _ in range(200):
        y, x = rng.randrange(size), rng.randrange(size)
        worst = max(worst, abs(float(grid[y][x]) - exact(y, x, steps)))
    # The scheme's own error is of second order in the width, and grows with what has decayed.
    decayed = 13 * math.pi ** 2 * ratio * width ** 2 * steps
    bound = min(0.01, 15 * width ** 2 * decayed + 1e-10)
    return worst <= bound, {"grid": size, "steps": steps, "error": "%.1e" % worst, "bound": "%.1e" % bound}


def nbody(options):
    np, count = options.np, options.num_bodies
    steps = options.time_steps or (300 if np else 150)
    rng, soft, step_time = random.Random(options.seed), 0.05, 0.001
    place = [[rng.uniform(-1, 1) for _ in range(3)] for _ in range(count)]
    speed = [[rng.gauss(0, 0.3) for _ in range(3)] for _ in range(count)]
    mass = 1 / count
    if np:
        place, speed = np.array(place), np.array(speed)

    def pull(place):
        """(accelerations, potential energy)."""
        if np:
            d = [place[None, :, k] - place[:, None, k] for k in range(3)]
            inverse = 1 / np.sqrt(d[0] ** 2 + d[1] ** 2 + d[2] ** 2 + soft ** 2)
            cube = inverse ** 3
            energy = -mass * mass * (float(inverse.sum()) - count / soft) / 2
            return mass * np.stack([(part * cube).sum(axis=1) for part in d], axis=1), energy
        force, energy = [[0.0] * 3 for _ in range(count)], 0.0
        for i in range(count):
            xi, yi, zi = place[i]
            fi = force[i]
            for j in range(i):
                xj, yj, zj = place[j]
                dx, dy, dz = xj - xi, yj - yi, zj - zi
                inverse = 1 / math.sqrt(dx * dx + dy * dy + dz * dz + soft * soft)
                energy -= mass * mass * inverse
                cube = mass * inverse ** 3
                fj = force[j]
                fi[0] += cube * dx
                fi[1] += cube * dy
                fi[2] += cube * dz
                fj[0] -= cube * dx
                fj[1] -= cube * dy
                fj[2] -= cube * dz
        return force, energy

    def moved(a, b, factor):
        if np:
            return a + factor * b
        return [[x + factor * y for x, y in zip(p, q)] for p, q in zip(a, b)]

    def total(a):
        return [float(sum(row[k] for row in a)) for k in range(3)]

    def motion(speed):
        return mass / 2 * float(sum(x * x for row in speed for x in row))

    force, potential = pull(place)
    energy, momentum, centre = potential + motion(speed), total(speed), total(place)
    for step in range(steps):
        speed = moved(speed, force, step_time / 2)
        place = moved(place, speed, step_time)
        force, potential = pull(place)
        speed = moved(speed, force, step_time / 2)
        every_tenth(step, steps, "step")
    drift = abs((potential + motion(speed)) / energy - 1)
    lost = max(abs(a - b) for a, b in zip(total(speed), momentum)) / count
    off = max(abs(a - b - c * step_time * steps)
              for a, b, c in zip(total(place), centre, momentum)) / count
    return drift < 1e-3 and lost < 1e-9 and off < 1e-9, {
        "bodies": count, "steps": steps, "energy_drift": "%.1e" % drift, "momentum_error": "%.1e" % lost,
        "centre_error": "%.1e" % off}


def linear(options):
    np, size = options.np, options.matrix_size
    if np:
        rng = np.random.default_rng(options.seed)
        matrix, known = rng.standard_normal((size, size)), rng.standard_normal(size)
        matrix[np.diag_indices(size)] += 3 * math.sqrt(size)
        found = np.linalg.solve(matrix, matrix @ known)
    else:
        rng = random.Random(options.seed)
        matrix = [[rng.gauss(0, 1) for _ in range(size)] for _ in range(size)]
        for i in range(size):
            matrix[i][i] += 3 * math.sqrt(size)
        known = [rng.gauss(0, 1) for _ in range(size)]
        rows = [row + [sum(map(float.__mul__, row, known))] for row in matrix]
        for k in range(size):
            best = max(range(k, size), key=lambda i: abs(rows[i][k]))
            rows[k], rows[best] = rows[best], rows[k]
            pivot = rows[k]
            for i in range(k + 1, size):
                factor = rows[i][k] / pivot[k]
                rows[i][k:] = [a - factor * b for a, b in zip(rows[i][k:], pivot[k:])]
            every_tenth(k, size, "column")
        found = [0.0] * size
        for k in reversed(range(size)):
            row = rows[k]
            found[k] = (row[size] - sum(map(float.__mul__, row[k + 1:size], found[k + 1:]))) / row[k]
    error = math.sqrt(sum((a - b) ** 2 for a, b in zip(map(float, found), map(float, known))))
    error /= math.sqrt(sum(float(b) ** 2 for b in known))
    return error < 1e-9, {"unknowns": size, "error": "%.1e" % error}


def fea(options):
    """-Laplace(u) = f on the unit square, u = 0 on its border. With f of two waves conjugate gradients end early, and
    so f is a polynomial: u = x (1 - x) y (1 - y) (1 + x)."""
    np = options.np
    size = options.grid_size or (500 if np else 40)
    inner, width = size - 2, 1 / (size - 1)

    def exact(x, y):
        return x * (1 - x) * (1 + x) * y * (1 - y)

    def source(x, y):
        return 6 * x * y * (1 - y) + 2 * x * (1 - x) * (1 + x)

    # The assembled matrix of square bilinear elements: 8/3 at a node, -1/3 for each of its eight neighbours. The load
    # is the consistent one: the mass matrix of the same elements times f at the nodes.
    if np:
        line = np.arange(size) * width
        f = source(line[None, :], line[:, None]) * width ** 2

        def around(u, centre, side, corner):
            rows = u[:-2] + u[2:]
            return (centre * u[1:-1, 1:-1] + side * (rows[:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:])
                    + corner * (rows[:, :-2] + rows[:, 2:]))

        def apply(u):
            return around(np.pad(u, 1), 8 / 3, -1 / 3, -1 / 3)

        def dot(a, b):
            return float((a * b).sum())

        def plus(a, factor, b):
            return a + factor * b
        load, found = around(f, 16 / 36, 4 / 36, 1 / 36), np.zeros((inner, inner))
    else:
        f = [[source(x * width, y * width) * width ** 2 for x in range(size)] for y in range(size)]

        def around(u, centre, side, corner):
            answer = []
            for above, row, below in zip(u, u[1:], u[2:]):
                rows = [a + b for a, b in zip(above, below)]
                answer.append([centre * c + side * (m + l + r) + corner * (p + q)
                               for c, m, l, r, p, q in zip(row[1:], rows[1:], row, row[2:], rows, rows[2:])])
            return answer

        def apply(u):
            edge = [[0.0] * size]
            return around(edge + [[0.0] + row + [0.0] for row in u] + edge, 8 / 3, -1 / 3, -1 / 3)

        def dot(a, b):
            return sum(sum(map(float.__mul__, p, q)) for p, q in zip(a, b))

        def plus(a, factor, b):
            return [[x + factor * y for x, y in zip(p, q)] for p, q in zip(a, b)]
        load, found = around(f, 16 / 36, 4 / 36, 1 / 36), [[0.0] * inner for _ in range(inner)]

    residual = direction = load
    square = first = dot(residual, residual)
    steps = 0
    while square > 1e-24 * first and steps < 20 * size:
        image = apply(direction)
        length = square / dot(direction, image)
        found = plus(found, length, direction)
        residual = plus(residual, -length, image)
        before, square = square, dot(residual, residual)
        direction = plus(residual, square / before, direction)
        steps += 1
        if steps % 100 == 0:
            print("step %d residual %.1e" % (steps, math.sqrt(square / first)))
    worst = max(abs(float(found[y][x]) - exact((x + 1) * width, (y + 1) * width))
                for y in range(inner) for x in range(inner))
    bound = 1e-9  # for this solution these elements are exact at the nodes
    return square <= 1e-24 * first and worst <= bound, {
        "grid": size, "steps": steps, "error": "%.1e" % worst, "bound": "%.1e" % bound}


def main():
    options = tasklib.settings(NAME, "Numerical methods against what is known of their answers.", TABLE)
    print("%s: %s, %s" % (NAME, options.sim_type, "NumPy" if options.np else "pure Python"))
    function = {"heat": heat, "nbody": nbody, "linear": linear, "fea": fea}[options.sim_type]
    ok, values = function(options)
    tasklib.result(NAME, ok, type=options.sim_type, **values)


if __name__ == "__main__":
    main()
