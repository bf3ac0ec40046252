"""The data doctor: planted faults are found, named and kept out; nothing stops the tour."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from random_bundle import random_bundle
from typer.testing import CliRunner, Result

from asrkit.cli.whole import app
from asrkit.data import Utterance, read_manifest, write_manifest
from asrkit.data.check import CheckReport, Finding, check_sets, write_report
from asrkit.data.recordings import measure_recording
from asrkit.text import Alphabet

RATE = 16_000


class Corpus:
    """A corpus that grows by one recording at a time; each sounds different."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.utterances: dict[str, list[Utterance]] = {"train": [], "test": []}
        self._rng = np.random.default_rng(7)

    def noise(self, seconds: float = 1.0, level: float = 0.1) -> np.ndarray:
        return level * self._rng.uniform(-1, 1, round(seconds * RATE))

    def add(
        self,
        name: str,
        *,
        to: str = "train",
        samples: np.ndarray | None = None,
        text: str = "twelve letter",
        speaker: str | None = None,
        rate_hz: int = RATE,
        duration_s: float | None = None,
    ) -> None:
        path = self.folder / f"{name}.wav"
        soundfile.write(path, self.noise() if samples is None else samples, rate_hz, subtype="PCM_16")
        self.utterances[to].append(Utterance(name, path, text, duration_s, speaker or f"speaker-{to}", "corpus"))

    def check(self, **options: float) -> CheckReport:
        return check_sets(self.write(), Alphabet(), **options)

    def write(self) -> dict[str, Path | str]:
        for name, members in self.utterances.items():
            write_manifest(self.folder / f"{name}.tsv", members)
        return {name: self.folder / f"{name}.tsv" for name in self.utterances}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    corpus = Corpus(tmp_path)
    for index in range(30):
        corpus.add(f"good-{index}", text=f"number {'abcdefghijklmnopqrstuvwxyzabcd'[index]} {'ab'[index // 26]}")
    for index in range(5):
        corpus.add(f"held-{index}", to="test", text=f"letters {'abcde'[index]}")
    return corpus


def found(report: CheckReport) -> dict[str, tuple[str, bool]]:
    """Return the first finding of each entry."""
    return {f.utterance_id: (f.kind, f.quarantined) for f in reversed(report.findings)}


def test_sound_data_gives_no_finding(corpus: Corpus) -> None:
    report = corpus.check()
    assert report.findings == []
    assert report.is_clean
    assert {name: len(members) for name, members in report.clean.items()} == {"train": 30, "test": 5}


def test_every_planted_fault_is_found_in_one_tour(corpus: Corpus) -> None:
    corpus.add("silent", samples=corpus.noise(level=1e-4))
    corpus.add("clipped", samples=np.clip(corpus.noise(level=20.0), -1, 1), text="clipped words")
    corpus.add("narrow", samples=corpus.noise(0.5), rate_hz=8_000, text="narrow words")
    corpus.add("wrong-length", duration_s=3.0, text="another length")
    corpus.add("long-text", text="so much text that one second can never hold all of it at all")
    corpus.add("foreign", text="日本")
    corpus.add("slow", samples=corpus.noise(20.0), text="a slow word")
    corpus.add("copy", samples=corpus.noise(), text="the first text")
    (corpus.folder / "copy-2.wav").write_bytes((corpus.folder / "copy.wav").read_bytes())
    corpus.utterances["train"].append(Utterance("copy-2", corpus.folder / "copy-2.wav", "a text", None, "x", "corpus"))
    (corpus.folder / "leak.wav").write_bytes((corpus.folder / "held-0.wav").read_bytes())
    corpus.utterances["train"].append(Utterance("leak", corpus.folder / "leak.wav", "letters", None, "y", "corpus"))
    corpus.add("same-text", text="letters b")
    corpus.add("same-speaker", speaker="speaker-test", text="one more speaker")
    corpus.add("broken")
    (corpus.folder / "broken.wav").write_bytes(b"")
    assert found(corpus.check()) == {
        "silent": ("silent", True),
        "clipped": ("clipped", False),
        "narrow": ("rate", False),
        "wrong-length": ("length", False),
        "long-text": ("too long", True),
        "foreign": ("alphabet", True),
        "slow": ("speaking rate", True),
        "copy-2": ("duplicate", True),
        "leak": ("leak", True),
        "same-text": ("shared text", False),
        "same-speaker": ("shared speaker", False),
        "broken": ("unreadable", True),
    }


def test_parts_of_one_recording_and_held_out_sets_leak_too(corpus: Corpus) -> None:
    soundfile.write(corpus.folder / "long.wav", corpus.noise(10.0), RATE)

    def part(name: str, to: str, start_s: float, end_s: float) -> None:
        text = f"some text {'abcdefgh'[len(corpus.utterances[to]) % 8]} of {to}"
        span = (f"speaker-{to}", "corpus", start_s, end_s)
        corpus.utterances[to].append(Utterance(name, corpus.folder / "long.wav", text, end_s - start_s, *span))

    corpus.utterances["dev"] = []
    part("held", "test", 2.0, 5.0)
    part("around", "train", 1.0, 6.0)
    part("inside", "train", 3.0, 3.8)
    part("before", "train", 0.5, 2.2)  # shares a pause
    part("behind", "train", 5.0, 8.0)
    part("copy", "dev", 2.0, 5.0)
    corpus.utterances = {name: corpus.utterances[name] for name in ("train", "dev", "test")}
    report = corpus.check()
    leaks = {f.utterance_id: f.reason for f in report.findings if f.kind == "leak"}
    assert leaks == {
        "around": "holds a part of the same recording as held of test",
        "inside": "holds a part of the same recording as held of test",
        "copy": "the same sound as held of test",
    }
    assert [u.id for u in report.quarantined["dev"]] == ["copy"]
    assert "held" in {u.id for u in report.clean["test"]}


def test_a_speaker_is_shared_where_one_set_names_no_corpus(corpus: Corpus) -> None:
    for name, to, speaker, in_corpus in (
        ("a", "train", "ann", "c1"), ("b", "train", "bob", None), ("c", "train", "eve", "c1"),
        ("d", "test", "ann", None), ("e", "test", "bob", "c2"), ("f", "test", "eve", "c2"),
    ):  # fmt: skip
        corpus.add(name, to=to, text=f"some text {name}", speaker=speaker)
        corpus.utterances[to][-1] = replace(corpus.utterances[to][-1], corpus=in_corpus)
    assert found(corpus.check()) == {"a": ("shared speaker", False), "b": ("shared speaker", False)}


def test_clean_and_quarantined_are_the_whole_and_do_not_overlap(corpus: Corpus) -> None:
    corpus.add("silent", samples=corpus.noise(level=1e-4))
    corpus.add("wrong-length", duration_s=3.0, text="Another Length!")
    report = corpus.check()
    clean, kept_out = ({u.id for u in sets["train"]} for sets in (report.clean, report.quarantined))
    assert kept_out == {"silent"}
    assert clean | kept_out == {u.id for u in corpus.utterances["train"]}
    mended = next(u for u in report.clean["train"] if u.id == "wrong-length")
    assert (mended.text, mended.duration_s) == ("another length", 1.0)


def test_the_stride_of_the_model_decides_what_is_too_long(corpus: Corpus) -> None:
    corpus.add("dense", text="thirty letters in one second x")
    assert corpus.check().counts()["too long"] == 1
    assert corpus.check(step_ms=20.0).counts()["too long"] == 0


def test_what_training_would_refuse_is_quarantined_where_it_is_trained_on(corpus: Corpus) -> None:
    for to in ("train", "test"):
        corpus.add(f"long-{to}", to=to, samples=corpus.noise(1.5), text=f"a long one to {to}")
        corpus.add(f"short-{to}", to=to, samples=corpus.noise(0.5), text=f"at {to}")
    report = corpus.check(max_seconds=1.2, min_seconds=0.8)
    limits = {f.utterance_id: f.quarantined for f in report.findings if f.kind == "limits"}
    assert limits == {"long-train": True, "short-train": True, "long-test": False, "short-test": False}


def test_a_constant_is_silence(corpus: Corpus) -> None:
    corpus.add("constant", samples=np.full(RATE, 0.3), text="constant words")
    assert found(corpus.check()) == {"constant": ("silent", True)}


def test_a_peak_is_no_clipping(tmp_path: Path) -> None:
    samples = np.zeros(RATE)
    samples[::100] = 1.0
    soundfile.write(tmp_path / "a.wav", samples, RATE)
    assert measure_recording(Utterance("a", tmp_path / "a.wav")).clipped_share == 0.0
    samples[500:540] = 1.0
    soundfile.write(tmp_path / "a.wav", samples, RATE)
    assert measure_recording(Utterance("a", tmp_path / "a.wav")).clipped_share == pytest.approx(40 / RATE, rel=0.1)


def test_only_the_named_part_of_a_recording_is_measured(tmp_path: Path) -> None:
    samples = np.concatenate([np.zeros(RATE), 0.5 * np.tile([1.0, -1.0], RATE // 2)])
    soundfile.write(tmp_path / "a.wav", samples, RATE)
    facts = measure_recording(Utterance("a", tmp_path / "a.wav", start_s=1.0, end_s=1.5))
    assert facts.duration_s == 0.5
    assert facts.level_db == pytest.approx(20 * np.log10(0.5), abs=0.01)


def test_reports_are_written_with_reasons(corpus: Corpus, tmp_path: Path) -> None:
    corpus.add("silent", samples=corpus.noise(level=1e-4))
    paths = write_report(corpus.check(), tmp_path / "out")
    names = ["train.clean.tsv", "test.clean.tsv", "train.quarantine.tsv", "findings.tsv"]
    assert [path.name for path in paths] == names
    assert [u.id for u in read_manifest(tmp_path / "out" / "train.quarantine.tsv")] == ["silent"]
    with (tmp_path / "out" / "findings.tsv").open() as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert (row["utterance_id"], row["kind"], row["quarantined"]) == ("silent", "silent", "yes")
    assert row["fix"] == "record it again or remove it"


def test_a_report_leaves_nothing_of_an_earlier_one(corpus: Corpus, tmp_path: Path) -> None:
    report, out = corpus.check(), tmp_path / "out"
    bad = [Finding(name, f"{name}-1", "silent", "level -90 dB", "record it again") for name in report.clean]
    write_report(replace(report, quarantined=report.clean, findings=bad), out)
    (out / "other.clean.tsv").write_text("of another set")
    assert len([*out.iterdir()]) == 6
    paths = write_report(replace(report, clean={**report.clean, "test": []}), out)
    assert [path.name for path in paths] == ["train.clean.tsv"]
    assert {path.name for path in out.iterdir()} == {"train.clean.tsv", "other.clean.tsv"}


def test_a_report_does_not_replace_what_is_checked(corpus: Corpus, tmp_path: Path) -> None:
    train = corpus.write()["train"]
    checked = Path(train).rename(tmp_path / "train.clean.tsv")
    corpus.write()
    content = checked.read_bytes()
    result = run(checked, train, "-o", tmp_path)
    assert (
        str(result.exception)
        == f"{checked}: is kept: it is the source {checked}, or may belong to it; name another output"
    )
    assert checked.read_bytes() == content


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", "check", *map(str, arguments)])


def test_the_command_names_what_is_wrong(corpus: Corpus, tmp_path: Path) -> None:
    manifests = corpus.write()
    result = run(*manifests.values(), "-o", tmp_path / "out")
    assert (result.exit_code, "nothing is wrong" in result.stderr) == (0, True)
    corpus.add("silent", samples=corpus.noise(level=1e-4))
    with Path(corpus.write()["train"]).open("a") as file:
        file.write("broken line\n")
    result = run(*manifests.values(), "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert "silent" in result.stdout
    assert "train.tsv:33\tquarantined\tmanifest\t1 columns where the header has 6" in result.stdout
    assert "30 of 31" in result.stderr


def test_of_many_findings_a_few_are_shown_where_a_file_has_all(corpus: Corpus, tmp_path: Path) -> None:
    for number in range(15):
        corpus.add(f"loud{number}", samples=np.sign(corpus.noise()))
    corpus.add("silent", samples=corpus.noise(level=1e-4))
    manifest = corpus.write()["train"]
    result = run(manifest, "-o", tmp_path / "out")
    assert len(run(manifest).stdout.splitlines()) == 16
    assert result.stdout.split("\t")[1] == "silent"
    assert len(result.stdout.splitlines()) == 10 and "and 6 more; findings.tsv lists all" in result.stderr


def test_recordings_at_the_rate_of_the_model_miss_nothing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 8_000), 8_000)
    (tmp_path / "train.tsv").write_text("path\ttext\na.wav\tab\n")
    assert "\trate\t8,000 Hz" in run(tmp_path / "train.tsv").stdout
    model = random_bundle(tmp_path / "model")
    assert model.features.sample_rate_hz == 8_000
    assert "\trate\t" not in run(tmp_path / "train.tsv", "--model", model.path).stdout


def test_the_project_decides_step_and_limits_and_folders_keep_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "LJ-1.1"
    (folder / "wavs").mkdir(parents=True)
    soundfile.write(folder / "wavs" / "a.wav", np.random.default_rng(0).normal(0, 0.1, RATE), RATE)
    (folder / "metadata.csv").write_text("a|thirty letters in one second x|thirty letters in one second x\n")
    assert "LJ-1.1\ta\tquarantined\ttoo long" in run(folder).stdout
    (tmp_path / "asrkit.toml").write_text("[features]\nhop_ms = 5.0\n[training]\nmax_seconds = 0.9\n")
    told = run(folder).stdout
    assert "\ttoo long\t" not in told
    assert "LJ-1.1\ta\tquarantined\tlimits\t1.0 s is longer than training.max_seconds = 0.9" in told
