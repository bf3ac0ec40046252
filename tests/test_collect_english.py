"""The script that rebuilds english-small's lists: it reads each public layout, and takes what the model hears."""

from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from public_layouts import (
    MAKERS,
    make_an4,
    make_cmu_arctic,
    make_kathleen,
    make_librispeech_dev,
    write_audio,
    write_lines,
)

from asrkit.data import Utterance, read_manifest

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = REPOSITORY / "scripts"
SPEECH = Path(os.environ.get("ASRKIT_SPEECH", REPOSITORY.parent / "shared" / "speech"))
LISTS = ("train_2.tsv", "dev.tsv", "dev_clean.tsv")
NEARLY_IN_DEV = {"bdl_arctic_b0482", "slt_arctic_b0482"}  # in the list, but Kathleen says the sentence in dev
# Of LibriSpeech's dev-clean, who is tuned on and who is reported on.
TUNING = {f"ls-{reader}" for reader in (84, 174, 251, 652, 1919, 1988, 2086, 2412, 2428, 2902)}
REPORTING = {f"ls-{reader}" for reader in (422, 777, 1272, 1462, 1673, 1993, 2035, 2078, 2277, 2803)}


@dataclass(frozen=True)
class Result:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Result]

needs_speech = pytest.mark.skipif(not (SPEECH / "train_2.tsv").is_file(), reason="the speech that the table describes")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("collect_english", SCRIPTS / "collect_english.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPTS))
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPTS))
    return module


@pytest.fixture
def run(script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run_script(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["collect_english.py", *map(str, arguments)])
        code: object = 0
        try:
            script.main()
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return Result(code, out, err) if isinstance(code, int) else Result(1, out, f"{err}{code}\n")

    return run_script


def facts(utterance: Utterance) -> tuple[str, str | None, str | None, str | None]:
    return utterance.id, utterance.speaker, utterance.corpus, utterance.text


def listed(*names: str) -> Iterator[dict[str, str]]:
    for name in names or LISTS:
        with (SPEECH / name).open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


def letters(utterance: Utterance) -> str:
    return (utterance.text or "").replace(" ", "")


def test_public_layouts_become_three_lists(tmp_path: Path, run: Run) -> None:
    options: list[object] = []
    for option, (folder, make) in MAKERS.items():
        make(tmp_path / "all" / folder)
        options += [f"--{option}", tmp_path / "all"]
    result = run(tmp_path / "out", *options)
    assert result.returncode == 0, result.stderr
    assert "NOT GIVEN" not in result.stderr and "left out" not in result.stderr
    bear, author = "we call it bear", "author of the danger trail missus steels etc"
    reader = "mister o'brien came"
    train = read_manifest(tmp_path / "out" / "train.tsv")
    assert [facts(utterance) for utterance in train] == [
        ("1088-134315-0000", "ls-1088", "mini_librispeech_train_clean_5", reader),
        ("19-227-0072", "ls-19", "librispeech_train_clean_100", reader),
        ("32-21625-0000", "ls-32", "librispeech_train_clean_100", reader),
        ("000010011", "so762-0001", "speechocean762", bear),  # of four, the first and the fourth
        ("000010014", "so762-0001", "speechocean762", bear),
        ("030140010", "so762-3014", "speechocean762", bear),
        ("arctic_a0001_1592748574", "kathleen", "kathleen", author),
        ("arctic_b0469_1592527437", "kathleen", "kathleen", f"{author} and so on"),
        ("bdl_arctic_a0001", "arctic-bdl", "cmu_arctic", "author of the danger trail"),
        ("bdl_arctic_b0514", "arctic-bdl", "cmu_arctic", "author of the danger trail"),
        ("slt_arctic_a0001", "arctic-slt", "cmu_arctic", "author of the danger trail"),
        ("slt_arctic_b0514", "arctic-slt", "cmu_arctic", "author of the danger trail"),
        ("an251-fash-b", "an4-fash", "an4", "enter six"),
        ("LJ001-0001", "ljspeech", "ljspeech", "in eighteen oh five"),
        ("LJ002-0144", "ljspeech", "ljspeech", "in eighteen oh five"),
        ("p239_001", "vctk-p239", "vctk", "please call stella"),
        ("p239_464", "vctk-p239", "vctk", "please call stella"),
        ("p226_011", "vctk-p226", "vctk_more", "please call stella"),
    ]
    assert [(utterance.id, utterance.speaker) for utterance in read_manifest(tmp_path / "out" / "dev.tsv")] == [
        ("332-128985-0000", "ls-332"),
        ("84-121123-0004", "ls-84"),
        ("000940012", "so762-0094"),
        ("arctic_b0470_1592527426", "kathleen"),
        ("LJ002-0145", "ljspeech"),
        ("p239_465", "vctk-p239"),
    ]
    assert [(utterance.id, utterance.speaker) for utterance in read_manifest(tmp_path / "out" / "test.tsv")] == [
        ("422-122949-0035", "ls-422"),
    ]
    assert {utterance.duration_s for utterance in train} == {0.5}
    assert (
        train[-1].audio_path
        == tmp_path / "all" / "VCTK-Corpus-0.92" / "wav48_silence_trimmed" / "p226" / "p226_011_mic1.flac"
    )
    assert "vctk: 2 utterances for train, 461 expected" in result.stderr
    assert (
        "NOT OFFERED ANY MORE: Common Voice, 156 clips of releases 1 and 6.1, 0.21 h of train speech" in result.stderr
    )
    assert "librispeech_dev_clean: dev 1 utterances, 0.00 h (of 0.70 h); test 1 utterances, 0.00 h" in result.stdout


def test_one_voice_brings_those_beside_it(tmp_path: Path, run: Run) -> None:
    make_cmu_arctic(tmp_path)
    assert run(tmp_path / "out", "--cmu-arctic", tmp_path / "cmu_us_bdl_arctic").returncode == 0
    assert len(read_manifest(tmp_path / "out" / "train.tsv")) == 4


def test_the_older_vctk_is_read_too(tmp_path: Path, run: Run) -> None:
    for speaker, name in (("p239", "p239_001"), ("p226", "p226_011")):
        write_lines(tmp_path / "vctk" / "txt" / speaker / f"{name}.txt", "Please call Stella.")
        write_audio(tmp_path / "vctk" / "wav48" / speaker / f"{name}.wav")
    assert run(tmp_path / "out", "--vctk", tmp_path / "vctk").returncode == 0
    assert [utterance.id for utterance in read_manifest(tmp_path / "out" / "train.tsv")] == ["p239_001", "p226_011"]


def test_a_list_of_an_earlier_run_does_not_outlive_it(tmp_path: Path, run: Run) -> None:
    make_librispeech_dev(tmp_path / "dev-clean")
    make_an4(tmp_path / "an4")
    assert run(tmp_path / "out", "--librispeech-dev", tmp_path / "dev-clean").returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dev.tsv", "test.tsv"]
    assert run(tmp_path / "out", "--an4", tmp_path / "an4").returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tsv")) == ["train.tsv"]


@pytest.mark.parametrize(
    ("utterance_id", "expected"),
    [
        ("kept-1-0000", "train"),
        ("kept-1-0007", "train"),
        ("kept-1-0008", None),  # between two of an entry's parts
        ("kept-1-0010", "train"),
        ("kept-10-0001", None),  # the beginning is not one of a number
        ("plain", "train"),
        ("plainer", "train"),
        ("c", "train"),
        ("d9", "train"),
        ("e", None),
        ("d5", "dev"),
        ("c-told", "test"),  # test goes before dev and train
        ("c-gone", None),  # and what is left out before all
    ],
)
def test_entries_of_the_table_choose_ids(script: ModuleType, utterance_id: str, expected: str | None) -> None:
    corpus = script.Corpus(
        *("name", "title", "url", "license", {}, {}),
        train=["kept-1-: 0000..0007 0010", "plain", "c..d"],
        dev=["d5", "c-told"],
        test=["c-told", "c-gone"],
        leave_out=["c-: gone"],
    )
    assert corpus.set_of(utterance_id) == expected


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ({}, ["1a", "1b", "2a", "1c", "1d", "dev1", "dev2"]),
        ({"every": 3}, ["1a", "2a", "1d", "dev1", "dev2"]),  # of each speaker the first, the fourth, ...
        ({"one_take": True}, ["1a", "1b", "1d", "dev1", "dev2"]),  # and dev stays whole
    ],
)
def test_thinning_is_of_speakers_or_takes(script: ModuleType, rules: dict[str, object], kept: list[str]) -> None:
    said = {"1a": "yes", "1b": "no", "2a": "yes", "1c": "no", "1d": "maybe", "dev1": "yes", "dev2": "yes"}
    utterances = [Utterance(name, Path("a.wav"), text, 0.1, name[0]) for name, text in said.items()]
    corpus = script.Corpus("name", "title", "url", "license", {}, {}, train=[""], dev=["dev"], **rules)
    assert [utterance.id for utterance in corpus.thinned(utterances)] == kept


def test_what_is_missing_is_said(tmp_path: Path, run: Run) -> None:
    make_kathleen(tmp_path / "kathleen")
    (tmp_path / "kathleen" / "data" / "arctic_b0469_1592527437.wav").write_bytes(b"")
    result = run(tmp_path / "out", "--kathleen", tmp_path / "kathleen")
    assert result.returncode == 0, result.stderr
    assert "left out" in result.stderr and "arctic_b0469_1592527437.wav" in result.stderr
    missing = [line for line in result.stderr.splitlines() if "NOT GIVEN" in line]
    assert len(missing) == 9
    assert "0.70 h of dev and 0.72 h of test speech; unpack https://www.openslr.org/12 and" in missing[2]
    assert "train.tsv: 1 utterances, 0.00 h (of 13.54 h)" in result.stdout


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("an4", "holds no etc/an4_train.transcription; unpack CMU AN4, training list (http"),
        ("kathleen", "holds no arctic_*.txt; unpack Kathleen voice"),
        ("mini-librispeech", "holds no */*/*.trans.txt; unpack Mini LibriSpeech, train-clean-5"),
        ("cmu-arctic", "holds no etc/txt.done.data; unpack CMU ARCTIC"),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "archive", "nothing"])
def test_what_is_no_such_corpus_is_refused(tmp_path: Path, run: Run, option: str, message: str, kind: str) -> None:
    named = tmp_path / "corpus.tar.gz"
    if kind == "folder":
        write_lines(named / "corpus.tar.gz")
    elif kind == "archive":
        write_lines(named)
    result = run(tmp_path / "out", f"--{option}", named)
    assert result.returncode == 1
    assert f"collect_english: {named}: {message}" in result.stderr
    assert f"name its folder with --{option}" in result.stderr


def test_no_corpus_at_all_is_a_mistake(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPTS / "collect_english.py", tmp_path / "out"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "no corpus given" in result.stderr


def test_the_page_tells_what_the_table_says(script: ModuleType) -> None:
    page = (REPOSITORY / "docs" / "english-small.md").read_text(encoding="utf-8")
    rows = [[cell.strip().strip("*") for cell in line.strip("|").split("|")] for line in page.splitlines()]
    for corpus in script.load_corpora():
        hours = " / ".join(f"{corpus.hours[name]:.2f}" if name in corpus.hours else "–" for name in script.SETS)
        assert [hours, corpus.license] in [row[2:4] for row in rows if f"]({corpus.url})" in row[0]], corpus.name
    total = {name: sum(corpus.hours.get(name, 0) for corpus in script.load_corpora()) for name in script.SETS}
    line = "{train:.2f} of training, {dev:.2f} of dev and {test:.2f} of test speech".format(**total)
    assert line in page.replace("\n", " ")


@needs_speech
def test_the_rules_choose_what_the_model_hears(script: ModuleType) -> None:
    corpora = {corpus.name: corpus for corpus in script.load_corpora()}
    count: Counter[tuple[str, str]] = Counter()
    hours: Counter[tuple[str, str]] = Counter()
    readers: dict[tuple[str, str], set[str]] = {}
    for row in listed():
        corpus = corpora[row["corpus"]]
        # of Common Voice nothing can be collected
        name = corpus.set_of(row["utterance_id"]) if corpus.option else "train"
        assert name is not None or row["utterance_id"] in NEARLY_IN_DEV, row["utterance_id"]
        if name:
            count[corpus.name, name] += 1
            hours[corpus.name, name] += float(row["seconds"]) / 3600
            readers.setdefault((corpus.name, name), set()).add(row["speaker"])
    for corpus in corpora.values():
        for name in script.SETS:
            assert count[corpus.name, name] == corpus.utterances.get(name, 0)
            assert hours[corpus.name, name] == pytest.approx(corpus.hours.get(name, 0.0), abs=0.0051)
    assert readers["librispeech_dev_clean", "dev"] == TUNING
    assert readers["librispeech_dev_clean", "test"] == REPORTING
    trained_on = {reader for (_, name), found in readers.items() if name == "train" for reader in found}
    assert not trained_on & (TUNING | REPORTING)


@needs_speech
def test_thinning_leaves_what_was_left(script: ModuleType) -> None:
    """The first edition's list, thinned, is the new one: of Kathleen and speechocean762 it has the whole."""
    corpora = {corpus.name: corpus for corpus in script.load_corpora()}
    earlier = read_manifest(SPEECH / "train.tsv", require_audio=False)
    for name in ("speechocean762", "kathleen"):
        thinned = corpora[name].thinned(utterance for utterance in earlier if utterance.corpus == name)
        assert [u.id for u in thinned] == [
            row["utterance_id"] for row in listed("train_2.tsv") if row["corpus"] == name
        ]


@needs_speech
@pytest.mark.parametrize(
    ("option", "folder"), [("ljspeech", "LJSpeech-1.1"), ("mini-librispeech", "LibriSpeech/train-clean-5")]
)
def test_original_recordings_become_what_the_model_saw(tmp_path: Path, run: Run, option: str, folder: str) -> None:
    result = run(tmp_path / "out", f"--{option}", SPEECH / "layouts" / folder)
    assert result.returncode == 0, result.stderr
    seen = {(u.corpus, u.id): u for u in read_manifest(SPEECH / "train_2.tsv", require_audio=False)}
    rebuilt = read_manifest(tmp_path / "out" / "train.tsv")
    assert len(rebuilt) == 24
    for utterance in rebuilt:
        original = seen[utterance.corpus, utterance.id]
        assert utterance.speaker == original.speaker
        assert letters(utterance) == letters(original)  # "i.e." was once written "ie", now "i e"
        assert utterance.duration_s == pytest.approx(original.duration_s, abs=0.02)
