"""Labels: the surest that keep the promise, cut in pauses, and nothing of a set that is held out."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from pathlib import Path

import pytest
import soundfile
from fake_recognition import write_speech
from hypothesis import given
from hypothesis import strategies as st
from random_bundle import random_bundle
from test_tuning_confidence import CALIBRATION
from transcribe_project import LM
from typer.testing import CliRunner

from asrkit.cli.whole import app
from asrkit.config import DecodingConfig
from asrkit.data import Utterance, read_manifest, write_manifest
from asrkit.errors import AsrkitError
from asrkit.transcription import Transcript
from asrkit.transcription.labelling import Excluded, Labelled, choose_surest, labelled_by, list_utterances
from asrkit.transcription.provenance import file_fingerprint
from asrkit.transcription.transcript import TimedWord
from asrkit.tuning.confidence import Doubt


def one(name: str, *confidences: float) -> Labelled:
    return Labelled(Utterance(name, Path(f"{name}.wav"), "x " * len(confidences)), Doubt.of(confidences))


def test_the_surest_are_kept_as_long_as_all_of_them_keep_the_promise() -> None:
    """CALIBRATION: 1.1 errors for each wrong word, a tenth of it less of words."""
    found = [one("a", 0.9, 0.9), one("b", 0.99, 0.99), one("c", 0.5), one("d", 0.99, 0.95, 0.97)]
    kept, expected = choose_surest(found, CALIBRATION, 0.045)
    assert [label.utterance.id for label in kept] == ["b", "d"]
    assert expected.errors == pytest.approx(1.1 * 0.11)
    assert [label.utterance.id for label in choose_surest(found, CALIBRATION, 0.06)[0]] == ["a", "b", "d"]
    assert len(choose_surest(found, CALIBRATION, 0.5)[0]) == 4
    with pytest.raises(AsrkitError, match=r"of the surest utterance 1\.1% is to be expected; raise --target-wer"):
        choose_surest(found, CALIBRATION, 0.01)
    with pytest.raises(AsrkitError, match="there are no words"):
        choose_surest([], CALIBRATION, 0.05)


@given(st.lists(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=5), min_size=1, max_size=12), st.floats(0.02, 0.5))
def test_no_promise_is_broken_and_no_surer_one_left_out(utterances: list[list[float]], target: float) -> None:
    found = [one(f"u{i:02}", *values) for i, values in enumerate(utterances)]
    try:
        kept, expected = choose_surest(found, CALIBRATION, target)
    except AsrkitError:
        return
    assert expected.rate is not None
    assert expected.rate <= target + 1e-9
    left = [label for label in found if label not in kept]
    assert all(label.confidence <= min(k.confidence for k in kept) for label in left)


def transcript(words: list[tuple[str, float, float]], duration_s: float) -> Transcript:
    timed = tuple(TimedWord(word, start, end, 0.9) for word, start, end in words)
    return Transcript("u", "u.wav", duration_s, " ".join(word for word, _, _ in words), 0.9, timed)


def test_long_recordings_are_cut_in_their_longest_pauses() -> None:
    words = [(f"w{i}", i + 0.1, i + 0.7) for i in range(10)]  # pauses of 0.4 s
    words += [(f"w{i}", i + 2.1, i + 2.9) for i in range(10, 30)]  # one of 2.4 s, then of 0.2 s
    parts = labelled_by(Utterance("u", Path("u.wav")), transcript(words, 40.0))
    assert " ".join(part.utterance.text or "" for part in parts) == " ".join(word for word, _, _ in words)
    for part, after in pairwise(parts):
        assert part.utterance.end_s is not None
        assert after.utterance.start_s is not None
        assert part.utterance.end_s <= after.utterance.start_s
    assert all((part.utterance.duration_s or 0) <= 20.0 for part in parts)
    assert parts[0].utterance.text == " ".join(f"w{i}" for i in range(10))
    assert parts[0].utterance.end_s == pytest.approx(9.7 + 0.3)
    assert len({part.utterance.id for part in parts}) == len(parts) >= 2


@pytest.mark.parametrize(
    ("words", "duration_s", "count", "why"),
    [
        ([("a", 0.5, 0.9)], 2.0, 1, "short: as it is"),
        ([], 2.0, 0, "no words"),
        ([], 60.0, 0, "long, no words"),
        ([(f"w{i}", i * 1.0, i + 1.0) for i in range(30)], 30.0, 0, "no pause to cut in"),
        ([("a", 30.0, 30.5)], 60.0, 1, "one word in a long silence"),
    ],
)
def test_what_becomes_of_a_transcript(
    words: list[tuple[str, float, float]], duration_s: float, count: int, why: str
) -> None:
    parts = labelled_by(Utterance("u", Path("u.wav")), transcript(words, duration_s))
    assert len(parts) == count, why


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five recordings without texts, a model and a language model."""
    monkeypatch.chdir(tmp_path)
    for index in range(5):
        write_speech(Path(f"wavs/u{index}.wav"), 1.0 + index / 4, seed=index)
    Path("lm.arpa").write_text(LM)
    searched = {name: getattr(DecodingConfig, name) for name in ("lm_weight", "word_bonus", "prior_scale")}
    searched |= {name: getattr(DecodingConfig, name) for name in ("unknown_weight", "unknown_bonus", "beam", "mode")}
    known = dataclasses.replace(
        CALIBRATION, lm=file_fingerprint(Path("lm.arpa")), weights=(2.0, -1.0, 0.0, 0.0, 0.0), **searched
    )
    random_bundle(Path("model"), seed=2).with_decoding({}, (), [known])
    return tmp_path


def test_excluded_are_ids_speakers_and_sounds(corpus: Path) -> None:
    soundfile.write("copy.flac", *soundfile.read("wavs/u1.wav", dtype="int16"))
    rows = [
        Utterance("u0", corpus / "gone.wav"),
        Utterance("other", corpus / "copy.flac"),
        Utterance("x", Path("y"), speaker="ann"),
    ]
    write_manifest("held.tsv", rows)
    speakers = {"u2": "ann", "u3": "bob"}
    found = [Utterance(f"u{i}", corpus / f"wavs/u{i}.wav", speaker=speakers.get(f"u{i}")) for i in range(5)]
    kept, reasons = Excluded([Path("held.tsv")]).sort_out(found)
    assert [utterance.id for utterance in kept] == ["u3", "u4"]
    assert "id" in reasons["u0"]
    assert "same sound" in reasons["u1"]
    assert "ann" in reasons["u2"]
    known = [Utterance("k", corpus / "wavs/u4.wav", speaker="bob")]
    assert [utterance.id for utterance in Excluded([], known).sort_out(found)[0]] == ["u0", "u1", "u2", "u3"]


def test_parts_of_long_recordings_are_excluded_and_known_too(corpus: Path) -> None:
    """A dev set of parts had its words labelled where the whole recording was given."""
    held = Utterance("d", corpus / "wavs/u0.wav", "ab", 0.3, start_s=0.2, end_s=0.5)
    write_manifest("held.tsv", [held])
    found = list_utterances(["wavs"])
    kept, reasons = Excluded([Path("held.tsv")]).sort_out(found)
    assert [utterance.id for utterance in kept] == ["u1", "u2", "u3", "u4"]
    assert reasons == {"u0": "its recording, or a part of it, is in an excluded set"}
    excluded = Excluded([], [held])
    assert excluded.sort_out(found)[0] == found
    spans = {"u0": (None, None), "a": (0.0, 0.22), "b": (0.1, 0.4), "c": (0.48, None), "u1": (None, None)}
    pieces = [
        Labelled(
            Utterance(name, corpus / f"wavs/{'u1' if name == 'u1' else 'u0'}.wav", "x", None, start_s=a, end_s=b),
            Doubt.of([1.0]),
        )
        for name, (a, b) in spans.items()
    ]
    fresh, reasons = excluded.sort_out_known(pieces)
    assert [one.utterance.id for one in fresh] == ["a", "c", "u1"]
    assert reasons.keys() == {"u0", "b"}


def test_manifests_bring_their_speakers(corpus: Path) -> None:
    write_manifest(
        "m.tsv", [Utterance("a", corpus / "wavs/u0.wav", speaker="ann", start_s=0.1, end_s=0.5, duration_s=0.4)]
    )
    (utterance,) = list_utterances(["m.tsv"])
    assert (utterance.id, utterance.speaker, utterance.start_s) == ("a", "ann", 0.1)
    assert [utterance.id for utterance in list_utterances(["wavs"])] == [f"u{i}" for i in range(5)]


def label(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["data", "label", "wavs", "--model", "model", "-o", "out", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_the_command_writes_a_manifest_to_train_on(corpus: Path) -> None:
    write_manifest("true.tsv", [Utterance("t", corpus / "wavs/u0.wav", "ab", 1.0)])
    write_manifest("dev.tsv", [Utterance("u1", corpus / "wavs/u1.wav", "ab", 1.25)])
    flags = ("--lm", "lm.arpa", "--exclude", "dev.tsv", "--with", "true.tsv", "--target-wer", "90")
    assert label(*flags)[0] == 0
    written = read_manifest("out/train.tsv")
    assert written[0].id == "t"
    assert written[0].weight == 1.0
    assert 1 <= len(written[1:]) <= 3
    assert {utterance.weight for utterance in written[1:]} == {0.5}
    assert {utterance.id for utterance in written} <= {"t", "u2", "u3", "u4"}
    told = json.loads(Path("out/label.json").read_text())
    assert told["excluded"].keys() == {"u0", "u1"}
    assert told["expected"]["word_error_rate"] <= 0.9
    first = Path("out/train.tsv").read_bytes()
    code, text = label(*flags)
    assert code == 0
    assert "0 transcribed, 3 already done" in text
    with pytest.raises(AsrkitError, match=r"train.tsv: is kept: it is the source"):
        label("--lm", "lm.arpa", "--with", "out/train.tsv", "--target-wer", "90")
    assert Path("out/train.tsv").read_bytes() == first


def test_a_training_set_of_somebody_else_is_kept(corpus: Path) -> None:
    Path("out").mkdir()
    write_manifest("out/train.tsv", [Utterance("t", corpus / "wavs/u0.wav", "ab", 1.0)])
    with pytest.raises(AsrkitError, match=r"train.tsv: is kept: no earlier run like this one wrote it"):
        label("--lm", "lm.arpa", "--target-wer", "90")
    assert [utterance.id for utterance in read_manifest("out/train.tsv")] == ["t"]


def test_a_folder_of_transcripts_that_is_a_link_is_not_written_to(corpus: Path) -> None:
    for folder in ("out", "victim"):
        Path(folder).mkdir()
    Path("out/transcripts").symlink_to("../victim")
    with pytest.raises(OSError, match="transcripts is a link"):
        label("--lm", "lm.arpa", "--target-wer", "90")
    assert not list(Path("victim").iterdir())


def test_what_cannot_be_read_is_told(corpus: Path) -> None:
    Path("wavs/gone.wav").symlink_to("nowhere.wav")
    code, text = label("--lm", "lm.arpa", "--target-wer", "90")
    assert (code, "wavs/gone.wav'; correct the path" in text) == (3, True), text
    assert not any(one.id == "gone" for one in read_manifest("out/train.tsv"))


def test_what_one_might_test_with_is_told(corpus: Path) -> None:
    write_speech(Path("wavs/test-clean/t.wav"), 1.0, seed=9)
    write_manifest("dev.tsv", [Utterance("d", corpus / "gone.wav"), Utterance("u1", corpus / "wavs/u1.wav")])
    text = " ".join(label("--lm", "lm.arpa", "--target-wer", "90", "--exclude", "dev.tsv")[1].split())
    assert "1 recordings of --exclude cannot be read" in text
    assert "others test with are labelled too: test-clean (1);" in text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "run asrkit lm tune"),
        (("--lm", "other.arpa"), "nobody knows how sure the words of .* are with other.arpa"),
        (("--lm", "lm.arpa", "--target-wer", "0.2"), "raise --target-wer"),
        (("--lm", "lm.arpa", "--exclude", "all.tsv"), "nothing is left to label"),
        (("--lm", "lm.arpa", "--exclude", "none.tsv"), "no such manifest"),
    ],
)
def test_what_cannot_be_promised_is_refused_in_a_line(corpus: Path, flags: tuple[str, ...], message: str) -> None:
    Path("other.arpa").write_text(LM.replace("-0.5", "-0.6"))
    write_manifest("all.tsv", [Utterance(f"u{i}", corpus / f"wavs/u{i}.wav") for i in range(5)])
    with pytest.raises(AsrkitError, match=message):
        label(*flags)
    assert not Path("out/train.tsv").exists()
