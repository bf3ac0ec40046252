"""Recordings with known texts: a network that hears what is planted, and the files that come of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrkit.config import FeatureConfig, TranscriptionConfig
from asrkit.errors import AsrkitError, ConfigError, MissingPathError, TranscriptionError
from asrkit.text import Alphabet, Symbols
from asrkit.transcription.aligning import KnownTexts, align
from asrkit.transcription.recordings import Recording
from asrkit.transcription.summary import Observer, TranscriptionSummary
from asrkit.transcription.transcript import Transcript

ALPHABET = Alphabet()
SAID = "the quick brown fox jumps over the lazy dog and nineteen men drink their tea at home"
STEP_S = 0.04


@dataclass(frozen=True)
class Model:
    """The least that transcription needs to know."""

    name: str = "fake"
    fingerprint: str = "f"
    symbols: Symbols = field(default_factory=Alphabet)
    lexicon: None = None
    normalizer: str = "standard-2"
    language: str = "en"
    features: FeatureConfig = field(default_factory=FeatureConfig)
    step_ms: float = 40.0
    longest_s: None = None


class Network:
    """Hears the same words in every recording, a letter every other step."""

    def __init__(self, said: str) -> None:
        self._steps = [step for symbol in ALPHABET.encode(said) for step in (symbol, ALPHABET.blank_index)]

    def emissions(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        values = np.full((len(self._steps), len(ALPHABET)), 0.004)
        values[np.arange(len(self._steps)), self._steps] = 0.9
        return [np.log(values / values.sum(axis=1, keepdims=True)).astype(np.float32) for _ in features]


class Notes(Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.transcripts: list[Transcript] = []
        self.remarks: list[str] = []

    def transcribed(self, transcript: Transcript) -> None:
        self.transcripts.append(transcript)

    def remark(self, text: str) -> None:
        self.remarks.append(text)


def record(path: Path, said: str = SAID) -> Path:
    if path.exists():  # a second run finds the same file
        return path
    num_samples = round(2 * len(said) * STEP_S * 16_000)
    soundfile.write(path, np.random.default_rng(0).uniform(-0.1, 0.1, num_samples), 16_000)
    return path


def run(tmp_path: Path, text: str, *, said: str = SAID, **options: bool) -> tuple[TranscriptionSummary, Notes]:
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    notes = Notes()
    config = TranscriptionConfig(format=("ctm", "textgrid", "json"), jobs=1)
    summary = align(
        [record(tmp_path / "a.wav", said)],
        Model(),
        KnownTexts.read(tmp_path / "a.txt"),
        network=Network(said),
        output_dir=tmp_path / "out",
        config=config,
        observer=notes,
        **options,
    )
    return summary, notes


def test_words_keep_their_surface_and_get_their_times(tmp_path: Path) -> None:
    text = "The quick brown fox jumps over the lazy dog — and 19 men drink their tea, at home!"
    summary, notes = run(tmp_path, text, with_symbols=True)
    (transcript,) = notes.transcripts
    assert (summary.exit_code, transcript.text) == (0, text)
    words = {word.word: word for word in transcript.words}
    assert words["19"].start_s == pytest.approx(2 * SAID.index(" nineteen") * STEP_S, abs=0.081)
    assert words["19"].end_s == pytest.approx((2 * SAID.index(" men") - 1) * STEP_S)
    assert [label for label, *_ in transcript.alignment["symbols"]] == [*SAID.replace(" ", "")]  # type: ignore[index]
    ctm = (tmp_path / "out" / "a.ctm").read_text(encoding="utf-8")
    assert all(len(line.split()) == 6 for line in ctm.splitlines())
    grid = (tmp_path / "out" / "a.TextGrid").read_text(encoding="utf-8")
    assert [part in grid for part in ("size = 2\n", 'name = "words"', 'name = "symbols"')] == [True] * 3
    row = json.loads((tmp_path / "out" / "a.json").read_text(encoding="utf-8"))
    assert Transcript.from_row(row) == transcript


def test_what_is_missing_on_either_side_is_told(tmp_path: Path) -> None:
    text = SAID.replace("jumps over the lazy dog ", "").replace("men", "men whose names nobody ever knew")
    _, notes = run(tmp_path, text)
    (transcript,) = notes.transcripts
    assert transcript.alignment is not None
    (unwritten,) = transcript.alignment["unwritten"]
    assert unwritten["heard"].strip() == "jumps over the lazy dog"
    assert [passage["text"] for passage in transcript.alignment["unsaid"]] == ["whose names nobody ever knew"]
    (remark,) = notes.remarks
    assert remark.startswith("a: 12 of 17 words found; 5 not said in 1 passage ('whose names nobody ever knew')")


def test_nothing_is_said_of_a_recording_that_says_its_text(tmp_path: Path) -> None:
    assert run(tmp_path, SAID)[1].remarks == []


def test_what_other_recordings_say_of_a_text_is_not_called_missing(tmp_path: Path) -> None:
    text = f"a title nobody reads {SAID.replace('men', 'men whose names nobody ever knew')} and then another chapter"
    _, notes = run(tmp_path, text)
    (remark,) = notes.remarks
    assert "; 5 not said in 1 passage ('whose names nobody ever knew'); 8 before or after it" in remark


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Call me Ishmael, some years ago I went to sea", "its text is not what is said"),
        ("в начале было слово", "the model cannot spell 4 of 4 words of its text, such as 'в'"),
        ("...", "its text holds no words"),
    ],
)
def test_a_text_that_cannot_be_right_is_a_failure_and_nothing_is_written(
    tmp_path: Path, text: str, reason: str
) -> None:
    summary, notes = run(tmp_path, text)
    assert notes.transcripts == []
    assert summary.exit_code == 1
    assert reason in summary.failures[0].reason
    assert not (tmp_path / "out" / "a.ctm").exists()


@pytest.mark.parametrize("text", ["в начале было слово", "...", None])
def test_what_the_text_alone_tells_is_told_before_anybody_listens(tmp_path: Path, text: str | None) -> None:
    recordings = [record(tmp_path / f"{name}.wav") for name in "ab"]
    texts = KnownTexts(tmp_path, {"c": SAID} if text is None else {"": text})
    deaf = Network(SAID)
    deaf.emissions = None  # type: ignore[assignment, method-assign]
    summary = align(recordings, Model(), texts, network=deaf, output_dir=tmp_path / "out")
    assert [f.utterance_id for f in summary.failures] == ["a", "b"]
    assert not any("NoneType" in f.reason for f in summary.failures)


def test_a_long_text_has_nothing_to_do_with_a_short_recording(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    words = SAID.split()
    summary, _ = run(tmp_path, " ".join(rng.choice(words, 2_000)))
    assert "not what is said" in summary.failures[0].reason


def test_a_changed_text_is_aligned_anew_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    run(tmp_path, SAID)
    assert run(tmp_path, SAID)[0].num_reused == 1
    assert run(tmp_path, SAID + " again")[0].num_transcribed == 1


def test_of_many_texts_the_one_that_changed_is_aligned_anew(tmp_path: Path) -> None:
    recordings = [record(tmp_path / f"{name}.wav") for name in "ab"]

    def again(**texts: str) -> tuple[int, int, list[str]]:
        known = KnownTexts(tmp_path, texts)
        summary = align(recordings, Model(), known, network=Network(SAID), output_dir=tmp_path / "out")
        hypotheses = (tmp_path / "out" / "hyp.txt").read_text(encoding="utf-8").splitlines()
        return summary.num_transcribed, summary.num_reused, hypotheses

    assert again(a=SAID, b="something else that nobody ever said") == (1, 0, [f"a {SAID}"])
    assert again(a=SAID, b=SAID) == (1, 1, [f"a {SAID}", f"b {SAID}"])
    assert again(a=SAID, b=SAID.upper(), c="more") == (1, 1, [f"a {SAID}", f"b {SAID.upper()}"])
    assert again(a=SAID) == (0, 1, [f"a {SAID}"])


def test_texts_are_found_by_id_path_and_name(tmp_path: Path) -> None:
    record(tmp_path / "b.wav")
    lines = ["utterance_id\tpath\tstart\tend\ttext", "b-2\tb.wav\t1\t2\tsecond", "b-1\tb.wav\t0\t1\tfirst"]
    (tmp_path / "m.tsv").write_text("\n".join(lines), encoding="utf-8")
    texts = KnownTexts.read(tmp_path / "m.tsv").texts
    assert texts["b-1"] == "first"
    assert texts[str(tmp_path / "b.wav")] == texts["b"] == "first\n\nsecond"
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "b.txt").write_text("by name", encoding="utf-8")
    assert KnownTexts.read(tmp_path / "texts").texts == {"b": "by name"}


def test_texts_of_one_name_are_told_by_their_folders(tmp_path: Path) -> None:
    for name, text in (("one/01", "first"), ("two/01", "second"), ("two/02", "third")):
        (tmp_path / "texts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "texts" / f"{name}.txt").write_text(text, encoding="utf-8")
    texts = KnownTexts.read(tmp_path / "texts")
    named = {"/x/one/01.wav": "first", "/x/two/01.mp3": "second", "/elsewhere/02.wav": "third"}
    assert {path: texts.of(Recording("id", Path(path), "id")) for path in named} == named
    with pytest.raises(TranscriptionError, match="holds no text"):
        texts.of(Recording("id", Path("/elsewhere/01.wav"), "id"))
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigError, match=r"holds no \.txt file"):
        KnownTexts.read(tmp_path / "none")


def test_words_that_the_model_cannot_spell_are_told(tmp_path: Path) -> None:
    _, notes = run(tmp_path, SAID + " слово")
    assert any("the model cannot spell слово" in remark for remark in notes.remarks)
    _, notes = run(tmp_path, SAID + " а б в г")
    assert any("the model cannot spell а, б, в and 1 more" in remark for remark in notes.remarks)


@pytest.mark.parametrize(
    ("content", "error"), [(b" \n", ConfigError), (b"\xff\xfe", ConfigError), (None, MissingPathError)]
)
def test_a_text_that_is_none_is_refused(tmp_path: Path, content: bytes | None, error: type[AsrkitError]) -> None:
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(error):
        KnownTexts.read(tmp_path / "a.txt")


def test_a_recording_without_a_text_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text(SAID, encoding="utf-8")
    recordings = [record(tmp_path / "a.wav"), record(tmp_path / "b.wav")]
    texts = KnownTexts.read(tmp_path / "texts")
    summary = align(recordings, Model(), texts, network=Network(SAID), output_dir=tmp_path / "out")
    assert (summary.num_transcribed, summary.exit_code) == (1, 3)
    assert [(f.utterance_id, f.reason) for f in summary.failures] == [
        ("b", f"{tmp_path / 'texts'} holds no text for it")
    ]
