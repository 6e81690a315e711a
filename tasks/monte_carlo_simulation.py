#!/usr/bin/env python3
"""Monte Carlo: pi from points in a square, or the price of a European call from simulated ends of its stock.

The samples are cut into pieces with a random generator each, so the result is the same however many processes share them.
"""
import math
import os
import sys

sys.dont_write_bytecode = True

import tasklib  # noqa: E402

NAME = "monte_carlo_simulation"
PIECE = 1 << 20
# stock, strike, interest, volatility, years
STOCK, STRIKE, INTEREST, VOLATILITY, YEARS = 100.0, 105.0, 0.03, 0.2, 1.0
TABLE = (
    tasklib.choice("SIM_TYPE", ("pi", "option"), "what is simulated"),
    tasklib.number("NUM_SAMPLES", 300000000, 1000, "samples", python=10000000),
    tasklib.number("SEED", None, 0, "random seed; the array task's number unless set"),
)


def hits(rng, np, count):
    """How many of the points lie in the circle, as a sum and a sum of squares."""
    if np:
        x, y = rng.random(count), rng.random(count)
        inside = int(np.count_nonzero(x * x + y * y < 1.0))
    else:
        draw = rng.random
        inside = sum(1 for _ in range(count) if draw() ** 2 + draw() ** 2 < 1.0)
    return inside, inside


def payoffs(rng, np, count):
    drift = (INTEREST - VOLATILITY ** 2 / 2) * YEARS
    width = VOLATILITY * math.sqrt(YEARS)
    if np:
        pay = np.maximum(STOCK * np.exp(drift + width * rng.standard_normal(count)) - STRIKE, 0.0)
        return float(pay.sum()), float((pay * pay).sum())
    total = squares = 0.0
    for _ in range(count):
        pay = STOCK * math.exp(drift + width * rng.gauss(0, 1)) - STRIKE
        if pay > 0:
            total += pay
            squares += pay * pay
    return total, squares


def black_scholes():
    def below(x):
        return (1 + math.erf(x / math.sqrt(2))) / 2
    width = VOLATILITY * math.sqrt(YEARS)
    d1 = (math.log(STOCK / STRIKE) + (INTEREST + VOLATILITY ** 2 / 2) * YEARS) / width
    return STOCK * below(d1) - STRIKE * math.exp(-INTEREST * YEARS) * below(d1 - width)


def main():
    options = tasklib.settings(NAME, "Estimates pi or the price of an option.", TABLE)
    np, samples = options.np, options.num_samples
    seed = options.seed
    if seed is None:
        seed = int(os.environ.get("MSCG_ARRAY_TASK_ID") or os.environ.get("SLURM_ARRAY_TASK_ID") or 1)
    pieces = -(-samples // PIECE)
    workers = tasklib.cpus()
    sample = hits if options.sim_type == "pi" else payoffs
    print("%s: %s, %d samples, %d processes, %s" % (
        NAME, options.sim_type, samples, min(workers, pieces), "NumPy" if np else "pure Python"))

    def piece(number):
        count = min(PIECE, samples - number * PIECE)
        if np:
            return sample(np.random.default_rng([seed, number]), np, count)
        import random
        return sample(random.Random(seed * 1000003 + number), np, count)

    total = squares = done = 0
    rounds = max(1, pieces // 10)
    for first in range(0, pieces, rounds):
        last = min(pieces, first + rounds)
        for part, square in tasklib.fork_map(piece, range(first, last), workers):
            total, squares = total + part, squares + square
        done = min(samples, last * PIECE)
        print("%d of %d samples" % (done, samples))
    mean = total / samples
    error = math.sqrt(max(0.0, squares / samples - mean * mean) / samples)
    factor = 4.0 if options.sim_type == "pi" else math.exp(-INTEREST * YEARS)
    exact = math.pi if options.sim_type == "pi" else black_scholes()
    off = abs(factor * mean - exact) / (factor * error) if error else float("inf")
    tasklib.result(NAME, off <= 5, type=options.sim_type, samples=samples, seed=seed,
                   estimate="%.6f" % (factor * mean), exact="%.6f" % exact, sigmas="%.2f" % off)


if __name__ == "__main__":
    main()
