"""Synthetic speech: honest held-out sets, the same every time, clear without espeak-ng."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from asrkit.audio import probe
from asrkit.cli.whole import app
from asrkit.data import Utterance, read_manifest
from asrkit.errors import MissingPackageError, SynthesisError
from asrkit.synth import SynthSizes, Voice, espeak, synthesize, synthesize_corpus
from asrkit.synth.corpus import VOICES
from asrkit.synth.sentences import distinct_sentences, vocabulary

SIZES = SynthSizes(train=27, dev=4, test=9)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
    folder = tmp_path_factory.mktemp("synth")
    synthesize_corpus(folder, SIZES)
    return folder


def sets(folder: Path) -> dict[str, list[Utterance]]:
    return {name: read_manifest(folder / f"{name}.tsv") for name in ("train", "dev", "test")}


def test_the_sets_share_no_sentence_and_no_voice(corpus: Path) -> None:
    members = sets(corpus)
    assert {name: len(utterances) for name, utterances in members.items()} == {"train": 27, "dev": 4, "test": 9}
    for field in ("text", "speaker"):
        values = {name: {getattr(u, field) for u in utterances} for name, utterances in members.items()}
        assert not values["train"] & values["test"]
        assert not values["train"] & values["dev"]
        assert not values["dev"] & values["test"]
    assert {u.speaker for u in members["train"]} == {f"en-us{variant}" for variant in VOICES["train"]}
    assert {u.speaker for u in members["test"]} == {f"en-us{variant}" for variant in VOICES["test"]}


def test_at_its_default_size_no_held_out_sentence_is_trained_on_or_in_the_text_of_the_language_model() -> None:
    sizes = SynthSizes()
    drawn = list(islice(distinct_sentences(), sizes.train + sizes.dev + sizes.test))
    assert len(set(drawn)) == len(drawn)
    train = drawn[sizes.test + sizes.dev :]  # the order in which synthesize_corpus draws
    assert len({word for sentence in train for word in sentence.split()}) >= 100
    assert {word for sentence in drawn for word in sentence.split()} <= vocabulary()


def test_the_text_beside_a_manifest_is_its_own(corpus: Path) -> None:
    for name, utterances in sets(corpus).items():
        assert (corpus / f"{name}.txt").read_text().splitlines() == [utterance.text for utterance in utterances]


def test_recordings_are_what_the_manifest_says(corpus: Path) -> None:
    for utterance in sets(corpus)["test"]:
        info = probe(utterance.audio_path)
        assert (info.sample_rate_hz, info.num_channels) == (16_000, 1)
        assert info.duration_s == pytest.approx(utterance.duration_s, abs=1e-3)
        assert utterance.audio_path == corpus / "test" / f"{utterance.id}.wav"


def test_the_same_seed_gives_the_same_corpus_in_every_process(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
    script = (
        "import sys; from asrkit.synth import *; synthesize_corpus(sys.argv[1], SynthSizes(3, 1, 2), int(sys.argv[2]))"
    )
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / name), str(seed)], check=True)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*")]
    assert len(files) == 12
    for path in files:
        assert (tmp_path / "again" / path).read_bytes() == (tmp_path / "one" / path).read_bytes()
    assert (tmp_path / "other" / "test.txt").read_text() != (tmp_path / "one" / "test.txt").read_text()


def test_voices_speeds_and_pitches_are_heard() -> None:
    pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
    text = "the horse waits behind the bridge"
    plain = synthesize(text)
    assert plain.dtype == np.float32
    assert 0.05 < np.abs(plain).max() <= 1.0
    assert len(synthesize(text)) == pytest.approx(len(plain), rel=0.01)
    assert len(synthesize(text, sample_rate_hz=8_000)) == pytest.approx(len(plain) / 2, rel=0.01)
    assert len(synthesize(text, Voice(words_per_minute=300))) < 0.75 * len(plain)
    low, high = (pitch_hz(synthesize("aah", Voice("en-us+f2", pitch=pitch))) for pitch in (10, 90))
    assert high > 1.5 * low
    male, female = (pitch_hz(synthesize("aah", Voice(name, pitch=90))) for name in ("en-us+m3", "en-us+f2"))
    assert female > 1.5 * male


def pitch_hz(waveform: np.ndarray) -> float:
    """Fundamental frequency by the first high peak of the autocorrelation between 60 and 400 Hz."""
    middle = waveform[len(waveform) // 4 : -len(waveform) // 4]
    correlation = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    lags = correlation[40:267]
    return 16_000 / (40 + int(np.argmax(lags > 0.9 * lags.max())))


def test_unknown_voices_and_empty_texts_are_named() -> None:
    pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
    with pytest.raises(SynthesisError, match="no voice 'xx-nobody'"):
        synthesize("hello", Voice("xx-nobody"))
    with pytest.raises(SynthesisError, match="nothing to say in ''"):
        synthesize("")


def test_without_the_synthesizer_the_error_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr(espeak, "_engine", None)
    with pytest.raises(MissingPackageError, match="pip install espeakng-loader"):
        synthesize("hello")


def test_nothing_is_spoken_into_a_folder_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "train").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="train is a link"):
        synthesize_corpus(tmp_path / "corpus", SynthSizes(train=1, dev=0, test=0))
    assert not list((tmp_path / "victim").iterdir())


def test_the_command_speaks_a_text_of_the_user(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
    (tmp_path / "text.txt").write_text("One!\nTwo.\n\ntwo\nThree\nfour\n")
    arguments = ["data", "synth", str(tmp_path / "out"), "--sentences", str(tmp_path / "text.txt")]
    sizes = ["--train", "2", "--dev", "1", "--test", "1"]
    result = CliRunner().invoke(app, [*arguments, *sizes])
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [str(tmp_path / "out" / f"{name}.tsv") for name in ("train", "dev", "test")]
    spoken = sorted(u.text for utterances in sets(tmp_path / "out").values() for u in utterances)
    assert spoken == ["four", "one", "three", "two"]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    result = CliRunner().invoke(app, [*arguments, "--train", "50", *sizes[2:]])
    assert "52 distinct sentences are needed, 4 are there" in str(result.exception)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before
