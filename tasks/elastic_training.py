#!/usr/bin/env python3
"""Data-parallel training of a neural network on as many worker processes as the job has CPUs at the moment.

It follows the control file of the job runner (MSCG_CONTROL_FILE or MINI_SLURM_CONTROL_FILE): SIGUSR1 says that it has
changed, and it is read again before the next step; without signals it is looked at once an epoch. Growing forks workers,
shrinking ends them; the weights are in shared memory, so both take milliseconds and lose nothing. Each step sums the
gradient of the same samples, however many workers share them, so resizing does not change what is learnt.
"""
import signal
import time

# First of all: the signal kills who does not catch it. The handler only takes a note, the training loop does the rest.
notes = {"resize": 0.0, "stop": 0}


def on_resize(_signum, _frame):
    notes["resize"] = time.monotonic()


def on_stop(signum, _frame):
    notes["stop"] = signum


signal.signal(signal.SIGUSR1, on_resize)
signal.signal(signal.SIGTERM, on_stop)

import mmap  # noqa: E402
import os  # noqa: E402
import struct  # noqa: E402
import sys  # noqa: E402

sys.dont_write_bytecode = True
# The parallelism is our worker processes: threads inside each of them would fight for the same CPUs.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import tasklib  # noqa: E402
import tasknet  # noqa: E402

NAME = "elastic_training"
# inputs, hidden, classes, samples in a batch, learning rate
SIZES = {
    "tiny": (6, 6, 3, 64, 0.05),
    "small": (32, 128, 10, 2048, 0.01),
    "medium": (64, 256, 10, 4096, 0.005),
    "large": (128, 1024, 20, 8192, 0.003),
}
TABLE = (
    tasklib.number("EPOCHS", 20, 1, "epochs to train"),
    tasklib.choice("MODEL_SIZE", tuple(SIZES), "size of the network", "small"),
    tasklib.number("SAMPLES", 32768, 16, "training samples", python=4096),
    tasklib.number("BATCH_SIZE", None, 1, "samples in a step, all workers together"),
    tasklib.number("STEPS", None, 1, "steps in an epoch; once through the samples unless set"),
    tasklib.seconds("EPOCH_SECONDS", 0, "length of an epoch in seconds instead, at least one step"),
    tasklib.number("SEED", 1, 0, "random seed"),
)
ORDER = struct.Struct("=qqq")  # train or measure, first sample, how many
REPLY = struct.Struct("=dq")   # sum of the losses, how many right
TRAIN, MEASURE = 0, 1


def from_environment(name):
    return os.environ.get("MSCG_" + name) or os.environ.get("MINI_SLURM_" + name) or ""


class Allocation:
    """How many CPUs we have: the control file says, or else the environment, or else our affinity."""

    def __init__(self):
        self.path = from_environment("CONTROL_FILE")
        self.event = None
        text = from_environment("CURRENT_CPUS")
        self.start = int(text) if text.isdigit() and int(text) > 0 else 0

    def source(self):
        if self.path:
            return "control file " + self.path
        return "the environment" if self.start else "the CPU affinity"

    def read(self):
        """(CPUs, time.time() of the scaling event or None)."""
        fields = {}
        if self.path:
            try:
                with open(self.path, encoding="utf-8", errors="replace") as file:
                    fields = dict(line.strip().split("=", 1) for line in file if "=" in line)
            except OSError:
                pass  # not there yet, or gone with the job: what we have stays
        text = fields.get("CPUS", "")
        if text.isdigit() and int(text) > 0:
            event, self.start = fields.get("SCALE_EVENT", ""), int(text)
            fresh, self.event = event != self.event, event
            try:
                return self.start, float(event) if fresh else None
            except ValueError:
                return self.start, None
        return self.start or len(os.sched_getaffinity(0)), None


class Shared:
    """A row of doubles that forked processes share."""

    def __init__(self, np, count):
        self.memory = mmap.mmap(-1, 8 * count)
        self.row = np.frombuffer(self.memory, dtype=np.float64) if np else memoryview(self.memory).cast("d")


class Worker:
    """One forked process that computes gradients of the samples it is told, until its pipe is closed."""

    def __init__(self, pool):
        self.gradient = Shared(pool.np, pool.network.count)
        order_in, self.order = os.pipe()
        self.reply, reply_out = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                # What ends us is the end of file of our pipe, which also comes when the coordinator is killed. It
                # takes that no worker keeps a copy of another one's pipe.
                for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, signal.SIG_IGN)
                for other in pool.workers:
                    os.close(other.order)
                    os.close(other.reply)
                os.close(self.order)
                os.close(self.reply)
                self.work(pool, order_in, reply_out)
                status = 0
            except BrokenPipeError:
                status = 0
            except BaseException as error:  # a forked copy must never return from here
                os.write(2, ("%s: worker: %r\n" % (NAME, error)).encode())
            finally:
                os._exit(status)
        os.close(order_in)
        os.close(reply_out)

    def work(self, pool, order_in, reply_out):
        os.write(reply_out, REPLY.pack(0, 0))  # ready
        while True:
            order = os.read(order_in, ORDER.size)
            if not order:
                return
            kind, first, count = ORDER.unpack(order)
            points, labels = pool.training if kind == TRAIN else pool.held_out
            gradient = self.gradient.row if kind == TRAIN else None
            answer = pool.network.run(pool.weights.row, points[first:first + count], labels[first:first + count],
                                      gradient)
            os.write(reply_out, REPLY.pack(*answer))

    def answer(self):
        data = os.read(self.reply, REPLY.size)
        if data:
            return REPLY.unpack(data)
        if notes["stop"]:
            stop_now()
        sys.exit("%s: worker %d %s" % (NAME, self.pid, tasklib.ended(os.waitpid(self.pid, 0)[1])))

    def end(self):
        os.close(self.order)
        os.close(self.reply)
        os.waitpid(self.pid, 0)


class Pool:
    def __init__(self, np, network, seed, training, held_out):
        self.np, self.network, self.training, self.held_out = np, network, training, held_out
        self.weights = Shared(np, network.count)
        for i, value in enumerate(network.initial(seed)):
            self.weights.row[i] = value
        self.workers = []

    def resize(self, count):
        """Has exactly so many workers, and returns when they are ready."""
        fresh = []
        while len(self.workers) < count:
            fresh.append(Worker(self))
            self.workers.append(fresh[-1])
        for worker in fresh:
            worker.answer()
        while len(self.workers) > count:
            self.workers.pop().end()

    def share(self, kind, first, count):
        """One order to every worker, and the sums of their answers."""
        if notes["stop"]:
            stop_now()
        busy = []
        for number, worker in enumerate(self.workers):
            begin = count * number // len(self.workers)
            end = count * (number + 1) // len(self.workers)
            if begin < end:
                try:
                    os.write(worker.order, ORDER.pack(kind, first + begin, end - begin))
                except BrokenPipeError:
                    pass  # it died; answer() says how
                busy.append(worker)
        answers = [worker.answer() for worker in busy]
        return sum(loss for loss, _ in answers), sum(right for _, right in answers), busy

    def gradient(self, busy, count):
        if self.np:
            return sum(worker.gradient.row for worker in busy) / count
        return [sum(parts) / count for parts in zip(*(worker.gradient.row for worker in busy))]


def stop_now():
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    print("stopped by signal %d" % notes["stop"], flush=True)
    os._exit(128 + notes["stop"])  # the workers see their pipes end


class Training:
    def __init__(self, options):
        self.options, self.np = options, options.np
        size = options.model_size
        if not self.np and "MODEL_SIZE" not in options.given:
            size = "tiny"
        inputs, hidden, classes, batch, rate = SIZES[size]
        self.size, self.batch = size, min(options.batch_size or batch, options.samples)
        held_out = max(64, min(4096, options.samples // 8))
        points, labels = tasknet.make_data(self.np, inputs, classes, options.samples + held_out, options.seed)
        network = tasknet.Network(self.np, inputs, hidden, classes)
        self.optimiser = tasknet.Adam(self.np, network.count, rate)
        self.held_out = held_out
        self.pool = Pool(self.np, network, options.seed, (points[held_out:], labels[held_out:]),
                         (points[:held_out], labels[:held_out]))
        self.allocation = Allocation()
        self.steps = self.samples = self.cursor = self.resizes = 0
        self.counts, self.rates = [], {}

    def follow(self, epoch):
        """Between two steps: as many workers as we have CPUs now."""
        noted, notes["resize"] = notes["resize"], 0.0
        cpus, event = self.allocation.read()
        before = len(self.pool.workers)
        if cpus == before:
            return
        self.pool.resize(cpus)
        age = time.time() - event if event else -1.0
        if not 0 <= age < 3600:
            age = time.monotonic() - noted if noted else -1.0
        when = " after %.0f ms" % (1000 * age) if age >= 0 else ""
        print("scaled %d -> %d workers%s, epoch %d" % (before, cpus, when, epoch))
        self.resizes += 1
        self.counts.append(cpus)

    def step(self):
        count = min(self.batch, self.options.samples - self.cursor)
        loss, _, busy = self.pool.share(TRAIN, self.cursor, count)
        self.optimiser.step(self.pool.weights.row, self.pool.gradient(busy, count))
        self.cursor = (self.cursor + count) % self.options.samples
        self.steps += 1
        self.samples += count
        return loss, count

    def measure(self):
        loss, right, _ = self.pool.share(MEASURE, 0, self.held_out)
        return loss / self.held_out, right / self.held_out

    def epoch(self, epoch):
        options = self.options
        self.follow(epoch)
        started = time.monotonic()
        steps = loss = samples = 0
        wanted = options.steps or -(-options.samples // self.batch)
        while True:
            if notes["resize"]:
                self.follow(epoch)
            before = time.monotonic()
            added, count = self.step()
            now = time.monotonic()
            one = self.rates.setdefault(len(self.pool.workers), [0, 0.0])
            one[0] += count
            one[1] += now - before
            steps, loss, samples = steps + 1, loss + added, samples + count
            if now - started >= options.epoch_seconds if options.epoch_seconds else steps >= wanted:
                break
        took = time.monotonic() - started
        _, accuracy = self.measure()
        print("epoch %d/%d workers %d loss %.4f accuracy %.3f %.0f samples/s %.2f s" % (
            epoch, options.epochs, len(self.pool.workers), loss / samples, accuracy, samples / took, took))

    def run(self):
        cpus, _ = self.allocation.read()
        print("%s: model %s, %d parameters, %s, %d workers from %s" % (
            NAME, self.size, self.pool.network.count, "NumPy" if self.np else "pure Python", cpus,
            self.allocation.source()))
        self.counts.append(cpus)
        self.pool.resize(cpus)
        first_loss, _ = self.measure()
        for epoch in range(1, self.options.epochs + 1):
            self.epoch(epoch)
        last_loss, accuracy = self.measure()
        self.pool.resize(0)
        for count, (samples, took) in sorted(self.rates.items()):
            print("with %d workers: %.0f samples/s" % (count, samples / took))
        # Too short a training cannot reach the accuracy, and then only the loss is held against it.
        enough = self.steps >= 60 and self.samples >= 2000
        ok = last_loss < first_loss and (accuracy >= 0.8 or not enough)
        tasklib.result(NAME, ok, model=self.size, epochs=self.options.epochs, steps=self.steps, samples=self.samples,
                       resizes=self.resizes, workers="%d..%d" % (min(self.counts), max(self.counts)),
                       loss="%.4f->%.4f" % (first_loss, last_loss), accuracy="%.3f" % accuracy,
                       checked="accuracy" if enough else "loss")


def main():
    try:
        Training(tasklib.settings(NAME, "Trains a network on as many workers as the job has CPUs.", TABLE,
                                  lambda values: values.get("MODEL_SIZE") == "tiny")).run()
    finally:
        # Python gives a caught signal its default action back while it winds down, and that one kills.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)


if __name__ == "__main__":
    main()
