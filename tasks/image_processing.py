#!/usr/bin/env python3
"""Images: blur and edges of a batch, or histograms of gradient directions as feature vectors. One process per CPU.

The images are made up: a few waves and noise. Pixels picked by chance are computed once more, directly, and must agree.
"""
import math
import random
import sys

sys.dont_write_bytecode = True

import tasklib  # noqa: E402

NAME = "image_processing"
KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # binomial, in both directions
BINS = 8
TABLE = (
    tasklib.choice("TASK", ("batch", "features"), "what is computed"),
    tasklib.number("NUM_IMAGES", 100, 1, "images", python=12),
    tasklib.number("IMAGE_SIZE", 768, 16, "rows and columns of an image", python=128),
    tasklib.number("FEATURE_DIM", 2048, BINS, "length of a feature vector, %d for a cell of the image" % BINS,
                   python=512),
    tasklib.number("SEED", 1, 0, "random seed"),
)


def make_image(np, size, seed):
    rng = random.Random(seed)
    waves = [(rng.uniform(-9, 9) / size, rng.uniform(-9, 9) / size, rng.uniform(0, 6.3)) for _ in range(3)]
    if np:
        y, x = np.mgrid[0:size, 0:size]
        image = np.random.default_rng(seed).random((size, size))
        for a, b, c in waves:
            image += np.sin(a * x + b * y + c)
        return image
    return [[rng.random() + sum(math.sin(a * x + b * y + c) for a, b, c in waves) for x in range(size)]
            for y in range(size)]


def blur(np, image):
    """Both directions one after the other; the result is 4 rows and columns smaller."""
    if np:
        rows = sum(weight * image[k:len(image) - 4 + k] for k, weight in enumerate(KERNEL))
        return sum(weight * rows[:, k:rows.shape[1] - 4 + k] for k, weight in enumerate(KERNEL))
    k0, k1, k2, k1_, k0_ = KERNEL
    rows = [[k0 * a + k1 * b + k2 * c + k1_ * d + k0_ * e for a, b, c, d, e in zip(*image[y:y + 5])]
            for y in range(len(image) - 4)]
    return [[k0 * a + k1 * b + k2 * c + k1_ * d + k0_ * e
             for a, b, c, d, e in zip(row, row[1:], row[2:], row[3:], row[4:])] for row in rows]


def slopes(np, image):
    """Strength and direction (0 to 2 pi) of the gradient by central differences; 2 rows and columns smaller."""
    if np:
        dx = image[1:-1, 2:] - image[1:-1, :-2]
        dy = image[2:, 1:-1] - image[:-2, 1:-1]
        return np.hypot(dx, dy), np.arctan2(dy, dx) % (2 * math.pi)
    strength, direction = [], []
    for above, row, below in zip(image, image[1:], image[2:]):
        dx = [b - a for a, b in zip(row, row[2:])]
        dy = [b - a for a, b in zip(above[1:-1], below[1:-1])]
        strength.append([math.hypot(a, b) for a, b in zip(dx, dy)])
        direction.append([math.atan2(b, a) % (2 * math.pi) for a, b in zip(dx, dy)])
    return strength, direction


def edge_at(image, y, x):
    """The edge strength at a pixel of blur and slopes from the 7 x 7 pixels of the image around it: the direct way."""
    def blurred(v, u):
        return sum(KERNEL[j] * KERNEL[i] * float(image[v + j][u + i]) for j in range(5) for i in range(5))
    return math.hypot(blurred(y + 1, x + 2) - blurred(y + 1, x), blurred(y + 2, x + 1) - blurred(y, x + 1))


def batch(options, number):
    """(worst difference from the direct way, mean edge strength)."""
    np, seed = options.np, options.seed * 1000003 + number
    image = make_image(np, options.image_size, seed)
    strength, _ = slopes(np, blur(np, image))
    rng, size, worst = random.Random(seed), options.image_size - 6, 0.0
    for _ in range(20):
        y, x = rng.randrange(size), rng.randrange(size)
        worst = max(worst, abs(float(strength[y][x]) - edge_at(image, y, x)))
    mean = float(strength.mean()) if np else sum(map(sum, strength)) / size ** 2
    return worst, mean


def features(options, number):
    """(worst difference from the direct way, mean of the feature vector)."""
    np, seed = options.np, options.seed * 1000003 + number
    strength, direction = slopes(np, make_image(np, options.image_size, seed))
    size = len(strength)
    cells = max(1, min(math.isqrt(options.feature_dim // BINS), size))
    turn = BINS / (2 * math.pi)

    def bin_of(angle):
        return min(int(angle * turn), BINS - 1)
    if np:
        cell = np.arange(size) * cells // size
        index = (cell[:, None] * cells + cell[None, :]) * BINS
        index = index + np.minimum((direction * turn).astype(int), BINS - 1)
        vector = np.bincount(index.ravel(), weights=strength.ravel(), minlength=cells * cells * BINS)
        whole = float(strength.sum())
    else:
        vector = [0.0] * (cells * cells * BINS)
        for y in range(size):
            for x in range(size):
                at = (y * cells // size * cells + x * cells // size) * BINS
                vector[at + bin_of(direction[y][x])] += strength[y][x]
        whole = sum(map(sum, strength))
    # Nothing is lost: the vector holds all the strength. And one cell, counted pixel by pixel.
    worst = abs(float(sum(vector)) - whole) / whole
    rng = random.Random(seed)
    v, u = rng.randrange(cells), rng.randrange(cells)
    direct = [0.0] * BINS
    for y in range(-(-v * size // cells), -(-(v + 1) * size // cells)):
        for x in range(-(-u * size // cells), -(-(u + 1) * size // cells)):
            direct[bin_of(float(direction[y][x]))] += float(strength[y][x])
    at = (v * cells + u) * BINS
    worst = max(worst, max(abs(float(vector[at + k]) - direct[k]) for k in range(BINS)))
    return worst, whole / len(vector)


def main():
    options = tasklib.settings(NAME, "Filters images, or makes feature vectors of them.", TABLE)
    workers = min(tasklib.cpus(), options.num_images)
    print("%s: %s, %d images of %d x %d, %d processes, %s" % (
        NAME, options.task, options.num_images, options.image_size, options.image_size, workers,
        "NumPy" if options.np else "pure Python"))
    function = batch if options.task == "batch" else features
    worst = total = 0.0
    piece = max(workers, options.num_images // 10)
    for first in range(0, options.num_images, piece):
        last = min(options.num_images, first + piece)
        for error, mean in tasklib.fork_map(lambda number: function(options, number), range(first, last), workers):
            worst, total = max(worst, error), total + mean
        print("%d of %d images" % (last, options.num_images))
    tasklib.result(NAME, worst < 1e-9, task=options.task, images=options.num_images, size=options.image_size,
                   mean="%.6f" % (total / options.num_images), error="%.1e" % worst)


if __name__ == "__main__":
    main()
