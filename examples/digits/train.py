"""Trains a small neural network on handwritten digits (UCI, 1,797 images of 8x8 pixels) with NumPy.

A checkpoint is written (and acknowledged, see job.yaml) after every epoch; a run that finds one of an unfinished training goes on
from it.
Exit codes: 0 done, 3 the loss is not a number, 143 stopped by SIGTERM after saving.
"""

import argparse
import ctypes
import glob
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np

PIXELS, CLASSES = 64, 10
HELD_OUT_EVERY = 5  # every fifth image is never trained on


def main():
    options = parse_arguments()
    stop = StopFlag()
    describe_gpus()
    train, held_out = load_digits(options.data)
    network = Network(options.hidden, options.seed)
    first_epoch = restore(network, options)
    started = time.monotonic()
    for epoch in range(first_epoch, options.epochs + 1):
        loss = network.train_epoch(*train, epoch, options)
        if not np.isfinite(loss):
            print(f"epoch {epoch:3d}  loss {loss}: not a number, giving up", file=sys.stderr, flush=True)
            return 3
        accuracy = network.accuracy(*held_out)
        save(network, epoch, options.checkpoints)
        print(f"epoch {epoch:3d}/{options.epochs}  loss {loss:.4f}  held-out accuracy {accuracy:.2%}", flush=True)
        acknowledge_checkpoint()
        if stop.requested:
            print(f"stopped after epoch {epoch}; run it again to go on from there", flush=True)
            return 143
    report(network.accuracy(*held_out), options, time.monotonic() - started)
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="/app/digits.csv.gz")
    parser.add_argument("--checkpoints", default="/checkpoints")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=0.0005)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


class StopFlag:
    """As process 1 of its container Python would ignore SIGTERM: catch it, finish the epoch, save, leave."""

    def __init__(self):
        self.requested = False
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, *_):
        self.requested = True


def describe_gpus():
    """Says which device nodes and driver libraries arrived in this container."""
    nodes = sorted(glob.glob("/dev/nvidia*"))
    if not nodes:
        print("no GPU was asked for: training on the CPU", flush=True)
        return
    print("device nodes: " + " ".join(nodes), flush=True)
    for library in ("libcuda.so.1", "libnvidia-ml.so.1"):
        try:
            ctypes.CDLL(library)
            print(f"driver library: {library} loads", flush=True)
        except OSError as error:
            print(f"driver library: {library} does not load: {error}", flush=True)
    smi = shutil.which("nvidia-smi")
    if smi:
        listing = subprocess.run([smi, "-L"], capture_output=True, text=True, check=False)
        print((listing.stdout or listing.stderr).rstrip(), flush=True)
    print("this example computes with NumPy, so the arithmetic itself stays on the CPU", flush=True)


def load_digits(path):
    """Rows of 64 pixel values 0..16 and the digit. Returns ((images, labels) to train on, (images, labels) held out)."""
    with gzip.open(path, "rt") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.float64)
    images, labels = table[:, :PIXELS] / 16.0, table[:, PIXELS].astype(np.int64)
    held_out = np.arange(len(labels)) % HELD_OUT_EVERY == 0
    return (images[~held_out], labels[~held_out]), (images[held_out], labels[held_out])


class Network:
    """One hidden layer (ReLU), softmax, cross-entropy, Adam."""

    def __init__(self, hidden, seed):
        random = np.random.default_rng(seed)
        self.weights = {
            "w1": random.normal(0, np.sqrt(2 / PIXELS), (PIXELS, hidden)),
            "b1": np.zeros(hidden),
            "w2": random.normal(0, np.sqrt(2 / hidden), (hidden, CLASSES)),
            "b2": np.zeros(CLASSES),
        }
        self.first = {name: np.zeros_like(value) for name, value in self.weights.items()}
        self.second = {name: np.zeros_like(value) for name, value in self.weights.items()}
        self.steps = 0

    def forward(self, images):
        hidden = np.maximum(images @ self.weights["w1"] + self.weights["b1"], 0)
        scores = hidden @ self.weights["w2"] + self.weights["b2"]
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return hidden, exponentials / exponentials.sum(axis=1, keepdims=True)

    def train_epoch(self, images, labels, epoch, options):
        # The order depends on the epoch alone, so a resumed run sees what an unbroken one would have seen.
        order = np.random.default_rng([options.seed, epoch]).permutation(len(labels))
        losses = []
        for start in range(0, len(order), options.batch):
            rows = order[start : start + options.batch]
            losses.append(self._step(images[rows], labels[rows], options.learning_rate))
        return float(np.mean(losses))

    def _step(self, images, labels, learning_rate):
        hidden, probabilities = self.forward(images)
        count = len(labels)
        loss = -np.log(probabilities[np.arange(count), labels] + 1e-12).mean()
        error = probabilities.copy()
        error[np.arange(count), labels] -= 1
        error /= count
        back = (error @ self.weights["w2"].T) * (hidden > 0)
        self._adam({"w1": images.T @ back, "b1": back.sum(0), "w2": hidden.T @ error, "b2": error.sum(0)}, learning_rate)
        return loss

    def _adam(self, gradients, learning_rate):
        self.steps += 1
        for name, gradient in gradients.items():
            self.first[name] = 0.9 * self.first[name] + 0.1 * gradient
            self.second[name] = 0.999 * self.second[name] + 0.001 * gradient**2
            mean = self.first[name] / (1 - 0.9**self.steps)
            spread = self.second[name] / (1 - 0.999**self.steps)
            self.weights[name] -= learning_rate * mean / (np.sqrt(spread) + 1e-8)

    def accuracy(self, images, labels):
        return float((self.forward(images)[1].argmax(axis=1) == labels).mean())

    def state(self):
        parts = {"weights": self.weights, "first": self.first, "second": self.second}
        return {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}

    def load(self, state):
        for part, values in (("weights", self.weights), ("first", self.first), ("second", self.second)):
            for name in values:
                values[name] = state[f"{part}.{name}"]
        self.steps = int(state["steps"])


def checkpoint_path(folder):
    return os.path.join(folder, "checkpoint.npz")


def save(network, epoch, folder):
    """Temporary file, fsync, rename: a crash leaves the old checkpoint or the new one, never half of one."""
    temporary = os.path.join(folder, ".checkpoint.tmp")
    with open(temporary, "wb") as file:
        np.savez(file, epoch=epoch, steps=network.steps, **network.state())
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, checkpoint_path(folder))


def acknowledge_checkpoint():
    """Tells Berth that the checkpoint is durable: only then is the job stopped, when it must make room for another."""
    path = os.environ.get("BERTH_CHECKPOINT_ACK")
    if path:
        with open(path, "a"):
            os.utime(path)


def restore(network, options):
    """Returns the epoch to go on with: 1 without a checkpoint, and when the training it belongs to is complete."""
    path = checkpoint_path(options.checkpoints)
    if not os.path.exists(path):
        return 1
    with np.load(path) as state:
        done = int(state["epoch"])
        if done >= options.epochs:
            print(f"{path} holds a complete training of {done} epochs: starting a new one", flush=True)
            return 1
        network.load(state)
    print(f"going on after epoch {done} from {path}", flush=True)
    return done + 1


def report(accuracy, options, seconds):
    result = {"accuracy": accuracy, "epochs": options.epochs, "seconds": round(seconds, 3), "checkpoint": checkpoint_path(options.checkpoints)}
    with open(os.path.join(options.checkpoints, "result.json"), "w") as file:
        json.dump(result, file)
    print("result " + json.dumps(result), flush=True)


if __name__ == "__main__":
    sys.exit(main())
