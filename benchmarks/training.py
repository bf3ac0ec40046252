"""Times training steps beside the loop of the Keras example "Automatic Speech Recognition using CTC", in one run.

Both train the same network on the same recordings in batches of one size. The example's loop is written as its text
describes it: tf.data reads and transforms files in the order given, every batch is padded to its longest member,
padding counts as audio and as labels, and ``Model.fit`` does the steps. Ours reads the cached waveforms, forms batches
by length, masks, and computes the recurrence in native code. The rounds alternate.

    python benchmarks/training.py [--data train.tsv] [--preset keras-example] [--batches 4] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import keras
import numpy as np
import soundfile
import tensorflow as tf
from timing import machine

from asrkit.config import ModelConfig, RunConfig
from asrkit.data import Utterance, read_manifest
from asrkit.features import num_frames
from asrkit.presets import run_config
from asrkit.text import Alphabet
from asrkit.text.units import Characters
from asrkit.training.batches import BatchMaker, plan_batches, prefetch
from asrkit.training.examples import load_examples
from asrkit.training.optimizer import WeightAverage, compiled_network

RATE_HZ = 16_000
PRECISIONS = ("float32", "mixed_bfloat16")


def noise_corpus(folder: Path, count: int) -> list[Utterance]:
    """Write noise of 2 to 10 s, the lengths of LJSpeech, with texts of 14 characters a second."""
    random = np.random.default_rng(1)
    utterances = []
    for number in range(count):
        seconds = float(random.uniform(2, 10))
        path = folder / f"{number:04d}.wav"
        soundfile.write(path, random.normal(0, 0.1, int(seconds * RATE_HZ)), RATE_HZ)
        text = "".join(random.choice(list("abcdefghijklmnopqrstuvwxyz "), int(14 * seconds))).strip() or "a"
        utterances.append(Utterance(path.stem, path, " ".join(text.split()), seconds))
    return utterances


def example_network(config: ModelConfig, bins: int, symbols: int) -> Any:
    """Return the network as one writes it in Keras without masks."""
    inputs = keras.Input((None, bins))
    x = keras.layers.Reshape((-1, bins, 1))(inputs)
    for layer in config.conv_layers:
        size, stride = (layer.kernel_frames, layer.kernel_bins), (layer.stride_frames, layer.stride_bins)
        x = keras.layers.Conv2D(layer.channels, size, strides=stride, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Reshape((-1, x.shape[-2] * x.shape[-1]))(x)
    for index in range(config.rnn_layers):
        x = keras.layers.Bidirectional(keras.layers.GRU(config.rnn_units, return_sequences=True))(x)
        if index + 1 < config.rnn_layers:
            x = keras.layers.Dropout(config.dropout)(x)
    if config.dense_units:
        x = keras.layers.Dropout(config.dropout)(keras.layers.Dense(config.dense_units, activation="relu")(x))
    return keras.Model(inputs, keras.layers.Dense(symbols)(x))


def padded_ctc(labels: Any, logits: Any) -> Any:
    """Return the example's loss: every utterance has as many steps and labels as the longest of its batch."""
    batch = tf.shape(labels)[0]
    steps, length = (tf.fill((batch,), tf.shape(array)[1]) for array in (logits, labels))
    return keras.ops.ctc_loss(labels, logits, length, steps, mask_index=logits.shape[-1] - 1)


def example_loop(config: RunConfig, utterances: Sequence[Utterance], batches: int) -> Callable[[], float]:
    """Return what trains some batches and gives the seconds of audio in them."""
    keras.config.set_dtype_policy("float32")
    alphabet, features = Alphabet(config.data.alphabet), config.features
    network = example_network(config.model, features.window_samples // 2 + 1, len(alphabet))
    network.compile(optimizer=keras.optimizers.Adam(1e-4), loss=padded_ctc)
    chosen = utterances[: batches * config.training.batch_size]
    paths = [str(utterance.audio_path) for utterance in chosen]
    labels = tf.ragged.constant([alphabet.encode(utterance.text or "").tolist() for utterance in chosen])

    def read(path: bytes) -> Any:
        return soundfile.read(path.decode(), dtype="float32")[0]

    def transform(path: Any, target: Any) -> Any:
        waveform = tf.ensure_shape(tf.numpy_function(read, [path], tf.float32), (None,))
        spectrum = tf.signal.stft(waveform, features.window_samples, features.hop_samples, features.window_samples)
        spectrum = tf.sqrt(tf.abs(spectrum))
        mean, variance = tf.nn.moments(spectrum, axes=[1], keepdims=True)
        return (spectrum - mean) / (tf.sqrt(variance) + 1e-10), target

    data = tf.data.Dataset.from_tensor_slices((paths, labels)).map(lambda path, row: (path, tf.cast(row, tf.int32)))
    data = data.map(transform, num_parallel_calls=tf.data.AUTOTUNE)
    data = data.padded_batch(config.training.batch_size, padded_shapes=([None, None], [None])).prefetch(
        tf.data.AUTOTUNE
    )

    def work() -> float:
        network.fit(data, epochs=1, verbose=0)
        return sum(utterance.duration_s or 0.0 for utterance in chosen)

    return work


def our_loop(
    config: RunConfig, utterances: Sequence[Utterance], batches: int, waits: list[float]
) -> Callable[[], float]:
    """Return the same for this package; ``waits`` gets the seconds that the network waited for its input."""
    units = Characters(Alphabet(config.data.alphabet))
    cache = tempfile.mkdtemp(prefix="asrkit-bench-")
    examples, _ = load_examples(
        utterances[: batches * config.training.batch_size], units, config, cache_dir=Path(cache)
    )
    maker = BatchMaker(examples, config.features, config.training)
    frames = [num_frames(len(example.samples), config.features) for example in examples]
    network = compiled_network(config, len(units.symbols), 1000)
    average = WeightAverage(network, config.training.ema_momentum)

    def work() -> float:
        audio_s, waited, asked = 0.0, 0.0, time.perf_counter()
        for batch in prefetch(lambda indices: maker.batch(indices, 1), plan_batches(frames, config.training, 1)):
            waited += time.perf_counter() - asked
            network.train_on_batch(batch)
            average.update()
            audio_s += float(batch["frames"].sum()) * config.features.hop_ms / 1000
            asked = time.perf_counter()
        waits.append(waited)
        return audio_s

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a manifest; default: noise of LJSpeech's lengths")
    parser.add_argument("--preset", default="keras-example")
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    settings = {"preset": options.preset, "features": {"kind": "linear", "window_ms": 16.0}}
    configs = {name: run_config({**settings, "training": {"precision": name}}) for name in PRECISIONS}
    config = configs["float32"]
    count = options.batches * config.training.batch_size
    with tempfile.TemporaryDirectory() as folder:
        utterances = read_manifest(options.data) if options.data else noise_corpus(Path(folder), count)
        loops = {"the example's loop": example_loop(config, utterances, options.batches)}
        waits: dict[str, list[float]] = {name: [] for name in PRECISIONS}
        for name in PRECISIONS:
            loops[f"asrkit, {name}"] = our_loop(configs[name], utterances, options.batches, waits[name])
        seconds: dict[str, list[float]] = {name: [] for name in loops}
        audio_s: dict[str, float] = {}
        for round_index in range(options.rounds + 1):  # the first is for compilation
            for name, loop in loops.items():
                start = time.perf_counter()
                audio_s[name] = loop()
                if round_index:
                    seconds[name].append(time.perf_counter() - start)
    speeds = {name: audio_s[name] / min(seconds[name]) for name in loops}
    base = speeds["the example's loop"]
    print(f"{machine()}; preset {options.preset}, {options.batches} batches of {config.training.batch_size}")
    for name, speed in speeds.items():
        print(f"{name:<24} {speed:8.1f} s of audio a second   {speed / base:5.2f}x")
    for name in PRECISIONS:
        share = min(waits[name][1:]) / min(seconds[f"asrkit, {name}"])
        print(f"the network waited for its input {100 * share:.1f} % of the time ({name})")


if __name__ == "__main__":
    main()
