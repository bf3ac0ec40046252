"""A spoken corpus made on the spot: train, dev and test share neither a sentence nor a voice."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from asrkit.audio import write_waveform
from asrkit.data import Utterance, write_manifest
from asrkit.errors import SynthesisError
from asrkit.synth.espeak import FloatArray, Voice, synthesize
from asrkit.synth.sentences import distinct_sentences
from asrkit.writing import refuse_links, write_whole

SAMPLE_RATE_HZ = 16_000
CORPUS_NAME = "synth"
# espeak-ng's variants of a voice
VOICES = {
    "train": ("", "+m1", "+m2", "+m3", "+m7", "+f1", "+f2", "+f5", "+Annie"),
    "dev": ("+m4", "+f3"),
    "test": ("+m6", "+m8", "+f4"),
}
SPEEDS_WPM = (140, 175)
PITCHES = (35, 65)
_QUIETEST_DB = -12.0
_NOISE_DB = -50.0

Progress = Callable[[int, int], None]  # utterances done, utterances in all


@dataclass(frozen=True)
class SynthSizes:
    """Utterances of each set."""

    train: int = 700
    dev: int = 50
    test: int = 80


def synthesize_corpus(
    output_dir: Path | str,
    sizes: SynthSizes = SynthSizes(),
    seed: int = 1,
    sentences: Iterable[str] | None = None,
    on_progress: Progress = lambda done, total: None,
    *,
    language: str = "en-us",
) -> dict[str, Path]:
    """Speak sentences into ``OUTPUT_DIR/SET/ID.wav`` and write ``SET.tsv`` and ``SET.txt`` beside.

    Each utterance has a voice of its set, a speed, a pitch, a level and a little noise of its own. ``SET.txt`` holds
    the sentences, one a line: language models are built from ``train.txt``.

    Args:
        output_dir: Folder to fill.
        sizes: How many utterances each set gets.
        seed: The same seed gives the same corpus, bit for bit in a fresh process.
        sentences: What to say instead of sentences of the small built-in world; each distinct one is said once.
        on_progress: Called after each utterance.
        language: That of the sentences, as espeak-ng calls it: de, el, pt-br.

    Returns:
        The manifest of each set.

    Raises:
        SynthesisError: espeak-ng is not installed or does not know the language, there are no sentences in it, or
            fewer distinct ones than utterances.
    """
    if sentences is None and not language.startswith("en"):
        raise SynthesisError(f"the built-in sentences are English; give some in {language!r}")
    output_dir = Path(output_dir)
    total = sizes.train + sizes.dev + sizes.test
    source = distinct_sentences(seed) if sentences is None else dict.fromkeys(filter(None, sentences))
    chosen = list(islice(source, total))
    if len(chosen) < total:
        raise SynthesisError(
            f"{total:,} distinct sentences are needed, {len(chosen):,} are there; give more or ask for fewer utterances"
        )
    spoken = iter(chosen)
    manifests: dict[str, Path] = {}
    done = 0
    for name in ("test", "dev", "train"):
        refuse_links(output_dir / name, output_dir)
        utterances = []
        for index, text in enumerate(islice(spoken, getattr(sizes, name))):
            utterances.append(_speak_utterance(output_dir, name, index, text, seed, language))
            done += 1
            on_progress(done, total)
        manifests[name] = _write_set(output_dir, name, utterances)
    return dict(sorted(manifests.items(), key=lambda item: ("train", "dev", "test").index(item[0])))


def _speak_utterance(output_dir: Path, name: str, index: int, text: str, seed: int, language: str) -> Utterance:
    """Synthesize one sentence; everything random comes from the seed, the set and the index."""
    rng = random.Random(f"{seed} {name} {index}")
    voices = VOICES[name]
    voice = Voice(language + voices[index % len(voices)], rng.randint(*SPEEDS_WPM), rng.randint(*PITCHES))
    waveform = _roughen(synthesize(text, voice, SAMPLE_RATE_HZ), rng)
    path = output_dir / name / f"{name}-{index:04}.wav"
    write_waveform(path, waveform, SAMPLE_RATE_HZ)
    return Utterance(path.stem, path, text, len(waveform) / SAMPLE_RATE_HZ, voice.name, CORPUS_NAME)


def _roughen(waveform: FloatArray, rng: random.Random) -> FloatArray:
    """Bring speech to a level of its own and add a little noise, as a microphone does."""
    peak = float(np.abs(waveform).max()) or 1.0
    gain = 10 ** (rng.uniform(_QUIETEST_DB, -1.0) / 20) / peak
    noise = np.random.default_rng(rng.getrandbits(32)).standard_normal(len(waveform)).astype(np.float32)
    rough: FloatArray = np.clip(gain * waveform + 10 ** (_NOISE_DB / 20) * noise, -1.0, 1.0).astype(np.float32)
    return rough


def _write_set(output_dir: Path, name: str, utterances: Sequence[Utterance]) -> Path:
    manifest = output_dir / f"{name}.tsv"
    write_manifest(manifest, utterances)
    write_whole(manifest.with_suffix(".txt"), "".join(f"{utterance.text}\n" for utterance in utterances))
    return manifest
