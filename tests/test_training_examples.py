"""Examples: decoded once, and what cannot be learned is sorted out with its reason."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrkit.data import Utterance
from asrkit.data import utterance as data_utterance
from asrkit.errors import AudioError
from asrkit.presets import run_config
from asrkit.text import Alphabet
from asrkit.text.units import Characters
from asrkit.training import examples as training_examples
from asrkit.training.checkpoint import CHECKPOINT, RunState, save_checkpoint, state_in
from asrkit.training.examples import data_fingerprint, load_examples
from asrkit.training.run import known_by

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


DAMAGE = {
    "no samples, as after a power cut": lambda samples, index: (b"", index),
    "half of the samples": lambda samples, index: (samples[: len(samples) // 4 * 2], index),
    "an odd number of bytes": lambda samples, index: (samples[:-1], index),
    "samples too many": lambda samples, index: (samples + b"12", index),
    "an empty index": lambda samples, index: (samples, b""),
    "half of the index": lambda samples, index: (samples, index[: len(index) // 2]),
    "an index of others": lambda samples, index: (samples, b"[]"),
    "spans that are none": lambda samples, index: (samples, b'{"spans": [["a", 0, "x"]], "failures": {}}'),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_made_anew(tmp_path, damage):
    utterances = [utterance(recording(tmp_path / f"{name}.wav", 0.5)) for name in "abc"]
    load(utterances, tmp_path)
    (samples,) = (tmp_path / "cache").glob("*.int16")
    whole = samples.read_bytes()
    changed = DAMAGE[damage](whole, samples.with_suffix(".json").read_bytes())
    for path, content in zip((samples, samples.with_suffix(".json")), changed, strict=True):
        path.write_bytes(content)
    examples, rejections = load(utterances, tmp_path)
    assert not rejections and len(examples) == 3
    assert samples.read_bytes() == whole == b"".join(example.samples.tobytes() for example in examples)


def test_changed_audio_is_decoded_again(tmp_path):
    path = recording(tmp_path / "a.wav", 0.5)
    load([utterance(path)], tmp_path)
    recording(path, 0.8)
    (example,), _ = load([utterance(path)], tmp_path)
    assert len(example.samples) == round(0.8 * 16_000)


@pytest.mark.parametrize("with_time", [True, False])
def test_a_recording_changed_in_place_where_no_fingerprint_looks_is_decoded_again(tmp_path, with_time):
    path = recording(tmp_path / "a.wav", 1.0)
    (before,), _ = load([utterance(path)], tmp_path)
    fingerprint, then = data_fingerprint([utterance(path)]), path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[8_045] ^= 0x40
    path.write_bytes(content)
    os.utime(path, ns=(then, then + with_time))
    assert data_fingerprint([utterance(path)]) == fingerprint
    (after,), _ = load([utterance(path)], tmp_path)
    assert np.array_equal(after.samples, before.samples) != with_time, "with its time kept it cannot be seen"


def test_what_could_not_be_decoded_is_tried_again(tmp_path, monkeypatch):
    utterances = [utterance(recording(tmp_path / f"{name}.wav", 0.5)) for name in "ab"]
    read = data_utterance.load_waveform

    def without_package(path, *arguments, **named):
        if path.stem == "b":
            raise AudioError("PyAV is not installed", path=path)
        return read(path, *arguments, **named)

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(data_utterance, "load_waveform", without_package)
            (example,), (rejection,) = load(utterances, tmp_path)
        assert (example.id, rejection.id) == ("a", "b")
        assert "PyAV is not installed" in rejection.reason
    examples, rejections = load(utterances, tmp_path)
    assert ([example.id for example in examples], rejections) == (["a", "b"], [])
    monkeypatch.setattr(data_utterance, "load_waveform", lambda *_, **__: pytest.fail("decoded again"))
    assert len(load(utterances, tmp_path)[0]) == 2


def test_a_cache_of_an_earlier_version_is_made_anew(tmp_path):
    load([utterance(recording(tmp_path / "a.wav", 0.5))], tmp_path)
    (index,) = (tmp_path / "cache").glob("*.json")
    samples = index.with_suffix(".int16")
    whole = samples.read_bytes()
    index.write_text(json.dumps({"spans": [["a", 0, 8_000]], "failures": {}}))
    samples.write_bytes(bytes(16_000))
    load([utterance(tmp_path / "a.wav")], tmp_path)
    assert samples.read_bytes() == whole


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
    assert data_fingerprint([utterance(path)]) != data_fingerprint([utterance(path, channel=1)])


def test_recordings_may_be_touched_moved_and_copied(tmp_path, monkeypatch):
    path = recording(tmp_path / "a.wav", 0.5)
    before = data_fingerprint([utterance(path)])
    load([utterance(path)], tmp_path)
    os.utime(path, (1, 1))
    assert data_fingerprint([utterance(path)]) == before
    (tmp_path / "elsewhere").mkdir()
    moved = Path(shutil.copy(path, tmp_path / "elsewhere" / "a.wav"))
    path.unlink()
    assert data_fingerprint([utterance(moved)]) == before
    monkeypatch.setattr("asrkit.data.utterance.load_waveform", lambda *_, **__: pytest.fail("decoded again"))
    assert len(load([utterance(moved)], tmp_path)[0]) == 1
    monkeypatch.setattr(training_examples, "_whole_content_of", lambda *_: pytest.fail("read again"))
    assert len(load([utterance(moved)], tmp_path)[0]) == 1, "its time is known by now"


@pytest.mark.parametrize("place", [100, 9_000, -100])
def test_another_recording_of_the_same_length_is_other_data(tmp_path, place):
    path = recording(tmp_path / "a.wav", 0.5)
    before = data_fingerprint([utterance(path)])
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)
    assert data_fingerprint([utterance(path)]) != before


def test_a_run_of_an_earlier_version_goes_on_under_the_name_it_gave(tmp_path):
    path = recording(tmp_path / "a.wav", 0.5)
    status = path.stat()
    entry = f"a\t{path}\t{status.st_size} {status.st_mtime_ns}\tNone\tNone\tyes\n"  # as runs of 2025 had it
    earlier = hashlib.sha256(entry.encode()).hexdigest()[:16]
    save_checkpoint(tmp_path / CHECKPOINT, RunState(data=earlier), {})
    assert known_by([utterance(path)], state_in(tmp_path)) == earlier
    assert known_by([utterance(path)], None) == data_fingerprint([utterance(path)]) != earlier
    save_checkpoint(tmp_path / CHECKPOINT, RunState(data="other"), {})
    assert known_by([utterance(path)], state_in(tmp_path)) == data_fingerprint([utterance(path)])


def test_what_killed_runs_left_in_the_cache_is_removed(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = platform.node()
    names = [
        f"waveforms-16000-k.int16.{end}" for end in (f"{host}-{ended.pid}", f"{host}-{os.getpid()}", "other-1", "77")
    ]
    dead, alive, elsewhere, old = (cache / name for name in names)
    kept = cache / "waveforms-16000-k.int16"
    for path in (dead, alive, elsewhere, old, kept):
        path.write_bytes(b"12")
    os.utime(old, (1, 1))
    os.utime(kept, (1, 1))
    load([utterance(recording(tmp_path / "a.wav", 0.5))], tmp_path)
    assert [path.exists() for path in (dead, alive, elsewhere, old, kept)] == [False, True, True, False, True]


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_decoded_audio_is_not_written_where_a_link_leads(tmp_path):
    (tmp_path / "victim").write_text("precious")
    load([utterance(recording(tmp_path / "a.wav", 0.5))], tmp_path)
    kept = sorted((tmp_path / "cache").iterdir())
    contents = [path.read_bytes() for path in kept]
    (samples,) = (path for path in kept if path.suffix == ".int16")
    for path in (*kept, samples.with_name(f"{samples.name}.{platform.node()}-{os.getpid()}")):
        path.unlink(missing_ok=True)
        path.symlink_to(tmp_path / "victim")
    load([utterance(tmp_path / "a.wav")], tmp_path)
    assert sorted((tmp_path / "cache").iterdir()) == kept
    assert [path.read_bytes() for path in kept] == contents
    assert (tmp_path / "victim").read_text() == "precious"
