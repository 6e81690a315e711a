#!/usr/bin/env python3
"""Trains a neural network in one process; the matrix products use as many threads as OMP_NUM_THREADS says."""
import sys

sys.dont_write_bytecode = True

import tasklib  # noqa: E402
import tasknet  # noqa: E402

NAME = "train_neural_network"
# inputs, hidden, classes, samples, learning rate
SIZES = {"small": (16, 32, 5, 8192, 0.01), "medium": (32, 128, 10, 16384, 0.005), "large": (64, 256, 10, 32768, 0.003)}
WITHOUT_NUMPY = {"small": (6, 6, 3, 1024, 0.03), "medium": (8, 12, 4, 2048, 0.02), "large": (12, 16, 5, 4096, 0.01)}
TABLE = (
    tasklib.number("EPOCHS", 10, 1, "epochs to train", python=5),
    tasklib.number("BATCH_SIZE", 128, 1, "samples in a step", python=32),
    tasklib.choice("MODEL_SIZE", ("small", "medium", "large"), "size of the network", "large"),
    tasklib.number("SAMPLES", None, 16, "training samples; by the size of the network unless set"),
    tasklib.number("SEED", 1, 0, "random seed"),
)


def slope_error(np, network, weights, points, labels):
    """The gradient against finite differences: the largest relative error of a few components."""
    gradient = np.zeros(network.count) if np else [0.0] * network.count
    network.run(weights, points, labels, gradient)
    scale = max(abs(slope) for slope in gradient)
    worst, small = 0.0, 1e-5
    for i in range(0, network.count, max(1, network.count // 12)):
        kept = weights[i]
        weights[i] = kept + small
        above, _ = network.run(weights, points, labels)
        weights[i] = kept - small
        below, _ = network.run(weights, points, labels)
        weights[i] = kept
        worst = max(worst, abs((above - below) / (2 * small) - gradient[i]) / scale)
    return worst


def main():
    options = tasklib.settings(NAME, "Trains a neural network in one process.", TABLE)
    np = options.np
    inputs, hidden, classes, samples, rate = (SIZES if np else WITHOUT_NUMPY)[options.model_size]
    samples = options.samples or samples
    held_out = max(64, samples // 8)
    points, labels = tasknet.make_data(np, inputs, classes, samples + held_out, options.seed)
    network = tasknet.Network(np, inputs, hidden, classes)
    weights = network.initial(options.seed)
    weights = np.array(weights) if np else weights
    gradient = np.zeros(network.count) if np else [0.0] * network.count
    optimiser = tasknet.Adam(np, network.count, rate)
    print("%s: model %s, %d parameters, %d samples, %s" % (
        NAME, options.model_size, network.count, samples, "NumPy" if np else "pure Python"))
    slope = slope_error(np, network, weights, points[:8], labels[:8])

    steps, losses = 0, []
    for epoch in range(1, options.epochs + 1):
        total = right = 0
        for first in range(held_out, held_out + samples, options.batch_size):
            last = min(first + options.batch_size, held_out + samples)
            loss, hits = network.run(weights, points[first:last], labels[first:last], gradient)
            count = last - first
            optimiser.step(weights, gradient / count if np else [slope_ / count for slope_ in gradient])
            total, right, steps = total + loss, right + hits, steps + 1
        losses.append(total / samples)
        print("epoch %d/%d loss %.4f accuracy %.3f" % (epoch, options.epochs, losses[-1], right / samples))
    loss, right = network.run(weights, points[:held_out], labels[:held_out])
    first_loss, _ = network.run(np.array(network.initial(options.seed)) if np else network.initial(options.seed),
                                points[:held_out], labels[:held_out])
    accuracy = right / held_out
    enough = steps >= 60  # a shorter training cannot reach the accuracy; then only the loss is held against it
    ok = slope < 1e-4 and loss < first_loss and (accuracy >= 0.8 or not enough)
    tasklib.result(NAME, ok, model=options.model_size, epochs=options.epochs, steps=steps,
                   loss="%.4f->%.4f" % (first_loss / held_out, loss / held_out), accuracy="%.3f" % accuracy,
                   gradient_error="%.1e" % slope, checked="accuracy" if enough else "loss")


if __name__ == "__main__":
    main()
