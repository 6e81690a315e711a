#!/usr/bin/env python3
"""Tables: clean, scale and aggregate rows; moving averages of time series; or sort numbers and merge what was sorted.

The data comes in chunks, so that the memory does not grow with the number of rows.
"""
import itertools
import math
import random
import sys

sys.dont_write_bytecode = True

import tasklib  # noqa: E402

NAME = "data_processing"
GROUPS = 100
WINDOW = 25
TABLE = (
    tasklib.choice("TASK", ("dataset", "timeseries", "sort"), "what is done"),
    tasklib.number("NUM_ROWS", 2000000, 2, "rows of the dataset", python=60000),
    tasklib.number("NUM_FEATURES", 30, 1, "columns of the dataset", python=10),
    tasklib.number("NUM_SERIES", 4000, 1, "time series", python=60),
    tasklib.number("SERIES_LENGTH", 10000, WINDOW, "values of a series", python=10000),
    tasklib.number("NUM_ELEMENTS", 20000000, 1, "numbers to sort", python=1500000),
    tasklib.number("SEED", 1, 0, "random seed"),
)
MISSING = -1  # a value that was not measured; the others are 0 to 999


def rows_of(options, number, count):
    """One chunk: the group and the values of each row; about one value in fifty is missing."""
    seed = options.seed * 1000003 + number
    if options.np:
        rng = options.np.random.default_rng(seed)
        values = rng.integers(0, 1020, (count, options.num_features))
        return rng.integers(0, GROUPS, count), options.np.where(values < 1000, values, MISSING)
    rng = random.Random(seed)
    groups = [rng.randrange(GROUPS) for _ in range(count)]
    values = [[int(rng.random() * 1020) for _ in range(options.num_features)] for _ in range(count)]
    return groups, [[value if value < 1000 else MISSING for value in row] for row in values]


def dataset(options):
    """First pass: totals of each column. Second pass: missing values become the column's mean, columns get mean 0 and
    variance 1, rows are aggregated by group. All sums of the measured values are whole numbers and must agree exactly."""
    np, columns = options.np, options.num_features
    chunk = max(1, (1 << 22 if np else 1 << 17) // columns)
    chunks = [(number, min(chunk, options.num_rows - number * chunk))
              for number in range(-(-options.num_rows // chunk))]
    present, sums, squares = [0] * columns, [0] * columns, [0] * columns
    for number, count in chunks:
        _, values = rows_of(options, number, count)
        for column in range(columns):
            if np:
                known = values[:, column]
                known = known[known >= 0]
                parts = len(known), int(known.sum()), int((known * known).sum())
            else:
                known = [row[column] for row in values if row[column] >= 0]
                parts = len(known), sum(known), sum(value * value for value in known)
            present[column] += parts[0]
            sums[column] += parts[1]
            squares[column] += parts[2]
        print("pass 1: chunk %d of %d" % (number + 1, len(chunks)))
    mean = [total / max(1, count) for total, count in zip(sums, present)]
    # A missing value adds nothing to the deviation.
    deviation = [math.sqrt(max((square - total * total / max(1, count)) / options.num_rows, 0)) or 1.0
                 for square, total, count in zip(squares, sums, present)]
    group_sums, group_rows = [0] * GROUPS, [0] * GROUPS
    scaled_sum, scaled_square = [0.0] * columns, [0.0] * columns
    for number, count in chunks:
        groups, values = rows_of(options, number, count)
        if np:
            row_sums = np.where(values >= 0, values, 0).sum(axis=1)
            for group, total in enumerate(np.bincount(groups, weights=row_sums, minlength=GROUPS)):
                group_sums[group] += int(total)
            for group, total in enumerate(np.bincount(groups, minlength=GROUPS)):
                group_rows[group] += int(total)
            scaled = (np.where(values >= 0, values, mean) - mean) / deviation
            for column in range(columns):
                scaled_sum[column] += float(scaled[:, column].sum())
                scaled_square[column] += float((scaled[:, column] ** 2).sum())
        else:
            for group, row in zip(groups, values):
                group_rows[group] += 1
                for column, value in enumerate(row):
                    if value >= 0:
                        group_sums[group] += value
                        part = (value - mean[column]) / deviation[column]
                        scaled_sum[column] += part
                        scaled_square[column] += part * part
        print("pass 2: chunk %d of %d" % (number + 1, len(chunks)))
    rows = options.num_rows
    totals = sum(group_sums) == sum(sums) and sum(group_rows) == rows
    worst = max(abs(total) / rows for total in scaled_sum)
    worst = max(worst, max(abs(square / rows - 1) for square in scaled_square if square))
    return totals and worst < 1e-6, {"rows": rows, "columns": columns, "total": sum(sums),
                                     "missing": rows * columns - sum(present), "error": "%.1e" % worst}


def timeseries(options):
    """Moving averages by running sums; places picked by chance must agree with the average taken directly."""
    np, length, worst, highest = options.np, options.series_length, 0.0, -math.inf
    for number in range(options.num_series):
        seed = options.seed * 1000003 + number
        rng = random.Random(seed)
        if np:
            series = np.random.default_rng(seed).standard_normal(length).cumsum()
            running = np.concatenate(([0.0], series.cumsum()))
            average = (running[WINDOW:] - running[:-WINDOW]) / WINDOW
            highest = max(highest, float(average.max()))
        else:
            series = list(itertools.accumulate(rng.gauss(0, 1) for _ in range(length)))
            running = [0.0] + list(itertools.accumulate(series))
            average = [(b - a) / WINDOW for a, b in zip(running, running[WINDOW:])]
            highest = max(highest, max(average))
        for _ in range(5):
            at = rng.randrange(len(average))
            direct = math.fsum(map(float, series[at:at + WINDOW])) / WINDOW
            worst = max(worst, abs(float(average[at]) - direct))
        if (number + 1) % max(1, options.num_series // 10) == 0:
            print("%d of %d series" % (number + 1, options.num_series))
    return worst < 1e-6, {"series": options.num_series, "length": length, "highest": "%.3f" % highest,
                          "error": "%.1e" % worst}


def sort(options):
    """Sorted in four runs and merged: in order, and the same numbers as before by sum and exclusive or."""
    np, count = options.np, options.num_elements
    if np:
        values = np.random.default_rng(options.seed).integers(0, 1 << 32, count)
        before = int(values.sum()), int(np.bitwise_xor.reduce(values))
        quarter = -(-count // 4)
        for number in range(4):
            values[number * quarter:(number + 1) * quarter].sort()
            print("run %d of 4 sorted" % (number + 1))
        values.sort(kind="stable")
        after = int(values.sum()), int(np.bitwise_xor.reduce(values))
        ordered = bool((values[1:] >= values[:-1]).all())
        middle = int(values[count // 2])
    else:
        import heapq
        rng = random.Random(options.seed)
        values = [rng.getrandbits(32) for _ in range(count)]
        before = sum(values), exclusive_or(values)
        runs = []
        for number in range(4):
            runs.append(sorted(values[number::4]))
            print("run %d of 4 sorted" % (number + 1))
        values = list(heapq.merge(*runs))
        after = sum(values), exclusive_or(values)
        ordered = all(a <= b for a, b in zip(values, values[1:]))
        middle = values[count // 2]
    return ordered and before == after and len(values) == count, {"elements": count, "median": middle,
                                                                  "sum": after[0]}


def exclusive_or(values):
    answer = 0
    for value in values:
        answer ^= value
    return answer


def main():
    options = tasklib.settings(NAME, "Cleans, aggregates, averages or sorts data.", TABLE)
    print("%s: %s, %s" % (NAME, options.task, "NumPy" if options.np else "pure Python"))
    function = {"dataset": dataset, "timeseries": timeseries, "sort": sort}[options.task]
    ok, values = function(options)
    tasklib.result(NAME, ok, task=options.task, **values)


if __name__ == "__main__":
    main()
