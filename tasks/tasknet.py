"""A small neural network (one hidden layer, tanh, softmax) in NumPy and in plain Python, and data to train it on.

All parameters lie in one flat row of doubles, so that they fit into shared memory: the hidden weights (inputs x hidden),
the hidden biases, the output weights (hidden x classes), the output biases.
"""
import math
import random


def make_data(np, inputs, classes, count, seed):
    """Points around two centres a class, far enough apart that a trained network gets nearly all of them right."""
    rng = random.Random(seed)
    spread = 7.0 / math.sqrt(2 * inputs)
    centres = [[rng.gauss(0, spread) for _ in range(inputs)] for _ in range(2 * classes)]
    if np:
        generator = np.random.default_rng(seed)
        which = generator.integers(0, 2 * classes, count)
        return np.array(centres)[which] + generator.standard_normal((count, inputs)), which % classes
    points, labels = [], []
    for _ in range(count):
        which = rng.randrange(2 * classes)
        points.append([centre + rng.gauss(0, 1) for centre in centres[which]])
        labels.append(which % classes)
    return points, labels


class Network:
    def __init__(self, np, inputs, hidden, classes):
        self.np, self.inputs, self.hidden, self.classes = np, inputs, hidden, classes
        self.count = (inputs + 1) * hidden + (hidden + 1) * classes

    def initial(self, seed):
        rng = random.Random(seed)
        first, second = 1 / math.sqrt(self.inputs), 1 / math.sqrt(self.hidden)
        return ([rng.gauss(0, first) for _ in range(self.inputs * self.hidden)] + [0.0] * self.hidden +
                [rng.gauss(0, second) for _ in range(self.hidden * self.classes)] + [0.0] * self.classes)

    def run(self, weights, points, labels, gradient=None):
        """(sum of the losses, how many right); the summed gradient goes into `gradient` where one is given."""
        if self.np:
            return self._run_numpy(weights, points, labels, gradient)
        return self._run_python(weights, points, labels, gradient)

    def _split(self, flat):
        a, b = self.inputs * self.hidden, (self.inputs + 1) * self.hidden
        c = b + self.hidden * self.classes
        return (flat[:a].reshape(self.inputs, self.hidden), flat[a:b],
                flat[b:c].reshape(self.hidden, self.classes), flat[c:])

    def _run_numpy(self, weights, points, labels, gradient):
        np = self.np
        w1, b1, w2, b2 = self._split(weights)
        middle = np.tanh(points @ w1 + b1)
        scores = middle @ w2 + b2
        scores -= scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        chances /= chances.sum(axis=1, keepdims=True)
        rows = np.arange(len(labels))
        loss = -np.log(np.maximum(chances[rows, labels], 1e-300)).sum()
        right = int((chances.argmax(axis=1) == labels).sum())
        if gradient is not None:
            g1, gb1, g2, gb2 = self._split(gradient)
            chances[rows, labels] -= 1
            g2[:] = middle.T @ chances
            gb2[:] = chances.sum(axis=0)
            back = (chances @ w2.T) * (1 - middle * middle)
            g1[:] = points.T @ back
            gb1[:] = back.sum(axis=0)
        return float(loss), right

    def _run_python(self, weights, points, labels, gradient):
        n, h, c = self.inputs, self.hidden, self.classes
        flat = list(weights)
        o1, o2, o3 = n * h, (n + 1) * h, (n + 1) * h + h * c
        into_hidden = [flat[j:o1:h] for j in range(h)]
        into_output = [flat[o2 + k:o3:c] for k in range(c)]
        total = [0.0] * self.count
        loss, right = 0.0, 0
        for point, label in zip(points, labels):
            middle = [math.tanh(sum(map(float.__mul__, row, point)) + flat[o1 + j])
                      for j, row in enumerate(into_hidden)]
            scores = [sum(map(float.__mul__, row, middle)) + flat[o3 + k] for k, row in enumerate(into_output)]
            top = max(scores)
            chances = [math.exp(score - top) for score in scores]
            whole = sum(chances)
            chances = [chance / whole for chance in chances]
            loss -= math.log(max(chances[label], 1e-300))
            right += scores[label] == top
            if gradient is None:
                continue
            chances[label] -= 1
            for k, chance in enumerate(chances):
                total[o3 + k] += chance
            for j, value in enumerate(middle):
                at = o2 + j * c
                back = 0.0
                for k, chance in enumerate(chances):
                    total[at + k] += value * chance
                    back += flat[at + k] * chance
                back *= 1 - value * value
                total[o1 + j] += back
                for i, coordinate in enumerate(point):
                    total[i * h + j] += back * coordinate
        if gradient is not None:
            for i, value in enumerate(total):
                gradient[i] = value
        return loss, right


class Adam:
    """The optimiser of Kingma and Ba, 2014. Changes the weights in place."""

    def __init__(self, np, count, rate):
        self.np, self.rate, self.steps = np, rate, 0
        self.mean = np.zeros(count) if np else [0.0] * count
        self.square = np.zeros(count) if np else [0.0] * count

    def step(self, weights, gradient):
        self.steps += 1
        rate = self.rate * math.sqrt(1 - 0.999 ** self.steps) / (1 - 0.9 ** self.steps)
        if self.np:
            self.mean += 0.1 * (gradient - self.mean)
            self.square += 0.001 * (gradient * gradient - self.square)
            weights -= rate * self.mean / (self.np.sqrt(self.square) + 1e-8)
            return
        mean, square = self.mean, self.square
        for i, slope in enumerate(gradient):
            mean[i] += 0.1 * (slope - mean[i])
            square[i] += 0.001 * (slope * slope - square[i])
            weights[i] -= rate * mean[i] / (math.sqrt(square[i]) + 1e-8)
