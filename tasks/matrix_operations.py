#!/usr/bin/env python3
"""Dense linear algebra: products, a singular value decomposition, or a Cholesky factor, each verified with random vectors."""
import math
import random
import sys

sys.dont_write_bytecode = True

import tasklib  # noqa: E402

NAME = "matrix_operations"
TABLE = (
    tasklib.choice("OP", ("multiply", "svd", "cholesky"), "what is computed"),
    tasklib.number("SIZE", None, 2, "rows and columns; by the operation unless set"),
    tasklib.number("ITERATIONS", 3, 1, "how often, each with fresh matrices"),
    tasklib.number("SEED", 1, 0, "random seed"),
)
SIZES = {"multiply": (1400, 160), "svd": (500, 30), "cholesky": (2000, 220)}
TOLERANCE = 1e-9


class WithNumpy:
    def __init__(self, np, seed):
        self.np, self.rng = np, np.random.default_rng(seed)

    def matrix(self, size):
        return self.rng.standard_normal((size, size))

    def signs(self, size):
        return self.rng.integers(0, 2, size) * 2.0 - 1.0

    def product(self, a, b):
        return a @ b

    def transposed(self, a):
        return a.T

    def apply(self, a, x):
        return a @ x

    def positive(self, size):
        a = self.matrix(size)
        a = (a + a.T) / 2
        a[self.np.diag_indices(size)] += 4 * math.sqrt(size)
        return a

    def cholesky(self, a):
        return self.np.linalg.cholesky(a)

    def svd(self, a):
        u, values, vt = self.np.linalg.svd(a)
        return u, list(map(float, values)), vt.T


class WithoutNumpy:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def matrix(self, size):
        return [[self.rng.gauss(0, 1) for _ in range(size)] for _ in range(size)]

    def signs(self, size):
        return [self.rng.choice((-1.0, 1.0)) for _ in range(size)]

    def product(self, a, b):
        columns = list(zip(*b))
        return [[sum(map(float.__mul__, row, column)) for column in columns] for row in a]

    def transposed(self, a):
        return [list(column) for column in zip(*a)]

    def apply(self, a, x):
        return [sum(map(float.__mul__, row, x)) for row in a]

    def positive(self, size):
        a = self.matrix(size)
        return [[(a[i][j] + a[j][i]) / 2 + (4 * math.sqrt(size) if i == j else 0.0) for j in range(size)]
                for i in range(size)]

    def cholesky(self, a):
        size = len(a)
        factor = [[0.0] * size for _ in range(size)]
        for j in range(size):
            upper = factor[j][:j]
            corner = math.sqrt(a[j][j] - sum(x * x for x in upper))
            factor[j][j] = corner
            for i in range(j + 1, size):
                factor[i][j] = (a[i][j] - sum(map(float.__mul__, factor[i], upper))) / corner
        return factor

    def svd(self, a):
        """One-sided Jacobi: rotates pairs of columns until all are orthogonal."""
        u = self.transposed(a)  # lists of columns
        size = len(u)
        v = [[float(i == j) for j in range(size)] for i in range(size)]
        for _ in range(60):  # about ten are enough
            turned = False
            for p in range(size - 1):
                for q in range(p + 1, size):
                    alpha = sum(x * x for x in u[p])
                    beta = sum(x * x for x in u[q])
                    gamma = sum(map(float.__mul__, u[p], u[q]))
                    if abs(gamma) <= 1e-13 * math.sqrt(alpha * beta):
                        continue
                    turned = True
                    zeta = (beta - alpha) / (2 * gamma)
                    t = math.copysign(1, zeta) / (abs(zeta) + math.sqrt(1 + zeta * zeta))
                    c = 1 / math.sqrt(1 + t * t)
                    s = c * t
                    for w in (u, v):
                        left, right = w[p], w[q]
                        w[p] = [c * x - s * y for x, y in zip(left, right)]
                        w[q] = [s * x + c * y for x, y in zip(left, right)]
            if not turned:
                break
        values = [math.sqrt(sum(x * x for x in column)) for column in u]
        u = [[x / value for x in column] for column, value in zip(u, values)]
        return self.transposed(u), values, self.transposed(v)


def norm(x):
    return math.sqrt(sum(float(part) * float(part) for part in x))


def relative(x, y):
    """The distance of two vectors by the length of the second."""
    return norm([float(a) - float(b) for a, b in zip(x, y)]) / norm(y)


def once(operation, math_, size):
    """Computes once and says how wrong it is: random vectors through both sides (Freivalds), ten of them."""
    worst = 0.0
    if operation == "multiply":
        a, b = math_.matrix(size), math_.matrix(size)
        c = math_.product(a, b)
        for _ in range(10):
            x = math_.signs(size)
            worst = max(worst, relative(math_.apply(c, x), math_.apply(a, math_.apply(b, x))))
    elif operation == "cholesky":
        a = math_.positive(size)
        factor = math_.cholesky(a)
        upper = math_.transposed(factor)
        for _ in range(10):
            x = math_.signs(size)
            worst = max(worst, relative(math_.apply(factor, math_.apply(upper, x)), math_.apply(a, x)))
    else:
        a = math_.matrix(size)
        u, values, v = math_.svd(a)
        for _ in range(10):
            x = math_.signs(size)
            y = math_.apply(math_.transposed(v), x)
            y = math_.apply(u, [value * part for value, part in zip(values, y)])
            worst = max(worst, relative(y, math_.apply(a, x)))
            worst = max(worst, abs(norm(math_.apply(u, x)) / norm(x) - 1))  # orthogonal: keeps lengths
        whole = norm([norm(row) for row in a])
        worst = max(worst, abs(norm(values) / whole - 1))
    return worst


def main():
    options = tasklib.settings(NAME, "Dense linear algebra, verified.", TABLE)
    size = options.size or SIZES[options.op][0 if options.np else 1]
    math_ = WithNumpy(options.np, options.seed) if options.np else WithoutNumpy(options.seed)
    print("%s: %s, %d x %d, %s" % (NAME, options.op, size, size, "NumPy" if options.np else "pure Python"))
    worst = 0.0
    for number in range(1, options.iterations + 1):
        error = once(options.op, math_, size)
        worst = max(worst, error)
        print("%s %d/%d error %.1e" % (options.op, number, options.iterations, error))
    tasklib.result(NAME, worst < TOLERANCE, op=options.op, size=size, iterations=options.iterations,
                   error="%.1e" % worst)


if __name__ == "__main__":
    main()
