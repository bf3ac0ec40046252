"""Examples: decoded once, and what cannot be learned is sorted out with its reason."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrkit.data import Utterance
from asrkit.presets import run_config
from asrkit.text import Alphabet
from asrkit.text.units import Characters
from asrkit.training.examples import data_fingerprint, load_examples

CONFIG = run_config({"preset": "tiny"})


def recording(path: Path, seconds: float, rate_hz: int = 16_000) -> Path:
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate_hz)), rate_hz)
    return path


def utterance(path: Path, text: str = "yes", **fields) -> Utterance:
    return Utterance(id=path.stem, audio_path=path, text=text, **fields)


def load(utterances, tmp_path, **options):
    return load_examples(utterances, Characters(Alphabet()), CONFIG, cache_dir=tmp_path / "cache", **options)


def test_examples_hold_samples_and_labels(tmp_path):
    path = recording(tmp_path / "a.wav", 1.0, 8_000)
    (example,), rejections = load([utterance(path, "no no")], tmp_path)
    assert not rejections
    assert len(example.samples) == 16_000
    assert Alphabet().decode(example.labels) == "no no"
    assert np.abs(example.waveform()).max() < 1


def test_a_second_run_reads_the_cache(tmp_path, monkeypatch):
    utterances = [utterance(recording(tmp_path / f"{name}.wav", 0.5)) for name in "abc"]
    seen = []
    first, _ = load(utterances, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    monkeypatch.setattr("asrkit.data.utterance.load_waveform", lambda *_: pytest.fail("decoded again"))
    second, _ = load(utterances, tmp_path)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)


def test_changed_audio_is_decoded_again(tmp_path):
    path = recording(tmp_path / "a.wav", 0.5)
    load([utterance(path)], tmp_path)
    recording(path, 0.8)
    (example,), _ = load([utterance(path)], tmp_path)
    assert len(example.samples) == round(0.8 * 16_000)


def test_what_lies_outside_a_segment_is_not_read(tmp_path):
    path = recording(tmp_path / "a.wav", 2.0)
    samples, _ = soundfile.read(path)
    samples[-100:] = np.nan
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    examples, rejections = load([utterance(path, start_s=0.5, end_s=1.25)], tmp_path)
    assert [len(example.samples) for example in examples] == [12_000]
    assert rejections == []


def test_segments_are_cut_out(tmp_path):
    path = recording(tmp_path / "a.wav", 2.0)
    (example,), _ = load([utterance(path, start_s=0.5, end_s=1.25)], tmp_path)
    assert len(example.samples) == round(0.75 * 16_000)


@pytest.mark.parametrize(
    ("seconds", "text", "reason"),
    [
        (0.05, "a", "shorter than training.min_seconds"),
        (31.0, "a", "longer than training.max_seconds"),
        (0.4, "twenty seven thousand words", "the text needs 27 steps, the audio gives 10"),
        (0.5, "", "no text is left"),
    ],
)
def test_what_cannot_be_learned_is_named(tmp_path, seconds, text, reason):
    path = recording(tmp_path / "bad.wav", seconds)
    examples, (rejection,) = load([utterance(path, text)], tmp_path)
    assert not examples
    assert rejection.id == "bad"
    assert reason in rejection.reason


def test_faster_playback_leaves_fewer_steps(tmp_path):
    path = recording(tmp_path / "a.wav", 0.4)
    utterances = [utterance(path, "abcdefghij")]
    assert len(load(utterances, tmp_path)[0]) == 1
    assert len(load(utterances, tmp_path, fastest=1.2)[0]) == 0


def test_one_unreadable_recording_does_not_stop_the_others(tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    paths = [recording(tmp_path / "a.wav", 0.5), tmp_path / "broken.wav", recording(tmp_path / "c.wav", 0.5)]
    examples, (rejection,) = load([utterance(path) for path in paths], tmp_path)
    assert [e.id for e in examples] == ["a", "c"]
    assert rejection.id == "broken"


def test_the_fingerprint_sees_text_and_audio(tmp_path):
    path = recording(tmp_path / "a.wav", 0.5)
    before = data_fingerprint([utterance(path)])
    assert before == data_fingerprint([utterance(path)])
    assert before != data_fingerprint([utterance(path, "no")])
    recording(path, 0.6)
    assert before != data_fingerprint([utterance(path)])
