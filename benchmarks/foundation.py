"""Times the commands people type, and the whole way from audio to text beside the plain route it replaces.

The plain route is Keras' own predict and pyctcdecode, beam 50, with the same language model, on the same features, in
the same run and turn by turn.

    python benchmarks/foundation.py --bundle models/latest --lm lm/3gram.arpa --audio wavs
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import soundfile
from timing import command_seconds, interleaved, machine

from asrkit.audio import load_waveform
from asrkit.config import DecodingConfig
from asrkit.decoder import make_decoder
from asrkit.features import extract_features
from asrkit.language_model import NgramModel
from asrkit.model.bundle import Bundle, save_bundle
from asrkit.model.inference import Emitter
from asrkit.presets import run_config
from asrkit.text import Alphabet

REPOSITORY = Path(__file__).resolve().parents[1]
RATE_HZ = 16_000
BEAM = 50


def random_bundle(path: Path, preset: str = "small") -> Bundle:
    """Write a bundle of a preset with weights nobody trained: right for speed, useless for text."""
    from asrkit.model.network import build_network, network_weights

    run = run_config({"preset": preset})
    alphabet = Alphabet()
    network = build_network(run.model, run.features.num_bins, len(alphabet))
    return save_bundle(
        path, alphabet=alphabet, features=run.features, model=run.model, weights=network_weights(network)
    )


def recordings(folder: Path | None, num: int = 8) -> list[np.ndarray]:
    """Return recordings of a folder, or noise of 3 to 10 seconds where none is given."""
    if folder is not None:
        paths = sorted(path for path in folder.rglob("*") if path.suffix in (".wav", ".flac", ".ogg", ".opus"))[:num]
        return [load_waveform(path, RATE_HZ) for path in paths]
    random = np.random.default_rng(1)
    return [random.normal(0, 0.1, int(RATE_HZ * s)).astype(np.float32) for s in np.linspace(3, 10, num)]


def five_seconds(waveforms: list[np.ndarray], path: Path) -> None:
    """Write a file of exactly five seconds."""
    soundfile.write(path, np.resize(np.concatenate(waveforms), 5 * RATE_HZ), RATE_HZ)


def hundred_lines(folder: Path) -> None:
    """Write 100 references and hypotheses with about one error in ten words."""
    random = np.random.default_rng(1)
    words = [f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(500)]
    pairs = []
    for index in range(100):
        reference = random.choice(words, random.integers(5, 25))
        hypothesis = np.where(random.random(len(reference)) < 0.1, random.choice(words), reference)
        pairs.append((f"utt{index:03d}", " ".join(reference), " ".join(hypothesis)))
    (folder / "ref.txt").write_text("".join(f"{name} {reference}\n" for name, reference, _ in pairs))
    (folder / "hyp.txt").write_text("".join(f"{name} {hypothesis}\n" for name, _, hypothesis in pairs))


def time_commands(bundle: Bundle, lm: Path, waveforms: list[np.ndarray], folder: Path, rounds: int) -> None:
    five_seconds(waveforms, folder / "five.wav")
    hundred_lines(folder)
    transcribe = ["transcribe", "five.wav", "--model", str(bundle.path), "--beam", str(BEAM), "--lm", str(lm)]
    commands = {
        "asrkit --help": (["--help"], 0.4),
        "asrkit score, 100 lines": (["score", "hyp.txt", "ref.txt"], 0.7),
        "asrkit transcribe, one file of 5 s": ([*transcribe, "--output", "out", "--overwrite"], 2.0),
    }
    print(f"\n| command | median of {rounds}, s | goal, s |\n|---|---|---|")
    for name, (arguments, goal) in commands.items():
        print(f"| {name} | {command_seconds(arguments, rounds, folder):.2f} | {goal} |", flush=True)


def keras_network(bundle: Bundle) -> Any:
    """Return the network with Keras' own recurrent layers, as one would call it by hand."""
    from asrkit.model import tensorflow_ops
    from asrkit.model.network import build_network, set_network_weights

    # The training step's native recurrence is ours, not part of the route that is compared with.
    tensorflow_ops.has_recurrence = lambda: False  # type: ignore[assignment]
    network = build_network(bundle.model, bundle.features.num_bins, len(bundle.alphabet))
    set_network_weights(network, bundle.weights())
    return network


def time_routes(bundle: Bundle, lm: Path, waveforms: list[np.ndarray], rounds: int) -> None:
    """Compare our graph and search with Keras and pyctcdecode, step by step and as a whole."""
    from asrkit.model.lengths import output_lengths

    features = [extract_features(waveform, bundle.features) for waveform in waveforms]
    lengths = np.array([len(f) for f in features], np.int32)
    batch = np.zeros((len(features), lengths.max(), bundle.features.num_bins), np.float32)
    for row, values in zip(batch, features, strict=True):
        row[: len(values)] = values
    inputs = {"features": batch, "frames": lengths}
    emitter, network = Emitter(bundle), keras_network(bundle)
    settings = DecodingConfig.from_dict({**bundle.decoding, "beam": BEAM, "decoder": "beam"})
    model = NgramModel.load(lm)
    ours = make_decoder(bundle.alphabet, settings, model)
    plain = make_decoder(bundle.alphabet, settings.replace(decoder="pyctcdecode"), model)

    def keras_emissions() -> list[np.ndarray]:
        logits = np.asarray(network.predict(inputs, verbose=0))
        log_probs = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        return [rows[: output_lengths(int(n), bundle.model)] for rows, n in zip(log_probs, lengths, strict=True)]

    emissions = emitter.emissions(features)
    steps = {
        "ours: network": lambda: emitter.emissions(features),
        "plain: network": keras_emissions,
        "ours: search": lambda: ours.decode_batch(emissions),
        "plain: search": lambda: plain.decode_batch(emissions),
        "ours: both": lambda: ours.decode_batch(emitter.emissions(features)),
        "plain: both": lambda: plain.decode_batch(keras_emissions()),
    }
    seconds = interleaved(steps, rounds)
    audio_s = sum(map(len, waveforms)) / RATE_HZ
    print(
        f"\n{len(waveforms)} recordings, {audio_s:.0f} s of audio, one batch, beam {BEAM}, {lm.name}; best of {rounds}"
    )
    print("\n| step | asrkit, s | plain route, s | ratio |\n|---|---|---|---|")
    for step in ("network", "search", "both"):
        mine, theirs = seconds[f"ours: {step}"], seconds[f"plain: {step}"]
        print(f"| {step} | {mine:.3f} | {theirs:.3f} | {theirs / mine:.1f} |")
    time_networks(emitter, network, features[0], rounds)


def time_networks(emitter: Emitter, network: Any, features: np.ndarray, rounds: int) -> None:
    """Compare our graph with Keras' ``predict`` and ``predict_on_batch`` on batches of several sizes."""
    print("\n| batch | asrkit, s | predict, s | ratio | predict_on_batch, s | ratio |\n|---|---|---|---|---|---|")
    for size in (1, 8, 32):
        batch = {"features": np.stack([features] * size), "frames": np.full(size, len(features), np.int32)}
        ways = {
            "ours": lambda size=size: emitter.emissions([features] * size),
            "predict": lambda batch=batch, size=size: network.predict(batch, verbose=0, batch_size=size),
            "on batch": lambda batch=batch: network.predict_on_batch(batch),
        }
        seconds = interleaved(ways, rounds)
        ours, predict, on_batch = (seconds[name] for name in ways)
        ratios = predict / ours, on_batch / ours
        print(f"| {size} | {ours:.3f} | {predict:.3f} | {ratios[0]:.1f} | {on_batch:.3f} | {ratios[1]:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, help="default: models/latest, else weights nobody trained")
    parser.add_argument("--lm", type=Path, help="default: lm/3gram.arpa, else lm/tiny.arpa")
    parser.add_argument("--audio", type=Path, help="a folder of recordings; default: noise")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    latest, built = REPOSITORY / "models/latest", REPOSITORY / "lm/3gram.arpa"
    lm = (arguments.lm or (built if built.exists() else REPOSITORY / "lm/tiny.arpa")).resolve()
    print(machine())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        chosen = arguments.bundle or (latest if latest.exists() else None)
        bundle = Bundle.load(chosen.resolve()) if chosen else random_bundle(folder / "random")
        print(
            f"model: {bundle.name}"
            if chosen
            else "model: preset small, random weights (search is slower than on speech)"
        )
        waveforms = recordings(arguments.audio)
        time_commands(bundle, lm, waveforms, folder, arguments.rounds)
        time_routes(bundle, lm, waveforms, arguments.rounds)


if __name__ == "__main__":
    main()
