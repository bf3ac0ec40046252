"""The script that rebuilds english-small's lists: it reads each public layout, and takes what the model saw."""

from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from asrkit.data import Utterance, read_manifest

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = REPOSITORY / "scripts"
SPEECH = Path(os.environ.get("ASRKIT_SPEECH", REPOSITORY.parent / "shared" / "speech"))
SHARE_ALIKE = "asterisk_allison"


@dataclass(frozen=True)
class Result:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Result]

needs_speech = pytest.mark.skipif(not (SPEECH / "train.tsv").is_file(), reason="the speech of the released model")


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


def write_audio(path: Path, seconds: float = 0.5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".raw":
        np.zeros(int(seconds * 16_000), "<i2").tofile(path)
        return
    soundfile.write(path, np.zeros(int(seconds * 16_000)), 16_000, format="FLAC" if path.suffix == ".flac" else "WAV")


def write_lines(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def make_mini_librispeech(folder: Path) -> None:
    for chapter in ("1088/134315", "332/128985", "9999/1"):
        name = chapter.replace("/", "-")
        write_lines(folder / "train-clean-5" / chapter / f"{name}.trans.txt", f"{name}-0000 MISTER O'BRIEN CAME")
        write_audio(folder / "train-clean-5" / chapter / f"{name}-0000.flac")


def make_speechocean(folder: Path) -> None:
    for part, speaker, utterance in (
        ("train", "0001", "000010011"),
        ("train", "7001", "070010001"),
        ("test", "0094", "000940012"),
        ("test", "0003", "000030012"),
        ("test", "3014", "030140010"),
    ):
        audio = f"WAVE/SPEAKER{speaker}/{utterance}.WAV"
        write_audio(folder / audio)
        for name, value in (("wav.scp", audio), ("text", "WE CALL IT BEAR"), ("utt2spk", speaker)):
            (folder / part).mkdir(exist_ok=True)
            with (folder / part / name).open("a", encoding="utf-8") as file:
                file.write(f"{utterance}\t{value}\n")


def make_kathleen(folder: Path) -> None:
    for name in ("a0001_1592748574", "a0001_1592748585", "b0469_1592527437", "b0470_1592527426", "b0500_1592526500"):
        write_lines(folder / "data" / f"arctic_{name}.txt", "Author of the danger trail, Mrs. Steels, etc.")
        write_audio(folder / "data" / f"arctic_{name}.wav")


def make_an4(folder: Path) -> None:
    write_lines(folder / "etc" / "an4_train.transcription", "<s> ENTER SIX </s> (an251-fash-b)")
    write_audio(folder / "wav" / "an4_clstk" / "fash" / "an251-fash-b.raw")


def make_ljspeech(folder: Path) -> None:
    names = ("LJ001-0001", "LJ002-0115", "LJ002-0144", "LJ002-0145", "LJ002-0170", "LJ003-0001")
    write_lines(folder / "metadata.csv", *(f"{name}|In 1805|In eighteen oh five," for name in names))
    for name in names[:5]:  # clips that are not used need not be there
        write_audio(folder / "wavs" / f"{name}.wav")


def make_vctk(folder: Path) -> None:
    for number in ("001", "002", "464", "465", "480"):
        write_lines(folder / "txt" / "p239" / f"p239_{number}.txt", "Please call Stella.")
        for microphone in ("mic1", "mic2"):
            write_audio(folder / "wav48_silence_trimmed" / "p239" / f"p239_{number}_{microphone}.flac")


MAKERS: dict[str, Callable[[Path], None]] = {
    "mini-librispeech": make_mini_librispeech,
    "speechocean": make_speechocean,
    "kathleen": make_kathleen,
    "an4": make_an4,
    "ljspeech": make_ljspeech,
    "vctk": make_vctk,
}


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


def letters(utterance: Utterance) -> str:
    return (utterance.text or "").replace(" ", "")


def test_public_layouts_become_two_lists(tmp_path: Path, run: Run) -> None:
    options: list[object] = []
    for option, make in MAKERS.items():
        make(tmp_path / option)
        options += [f"--{option}", tmp_path / option]
    result = run(tmp_path / "out", *options)
    assert result.returncode == 0, result.stderr
    assert "NOT GIVEN" not in result.stderr and "left out" not in result.stderr
    bear, author = "we call it bear", "author of the danger trail missus steels etc"
    train = read_manifest(tmp_path / "out" / "train.tsv")
    assert [facts(utterance) for utterance in train] == [
        ("1088-134315-0000", "ls-1088", "mini_librispeech_train_clean_5", "mister o'brien came"),
        ("000010011", "so762-0001", "speechocean762", bear),
        ("030140010", "so762-3014", "speechocean762", bear),
        ("arctic_a0001_1592748574", "kathleen", "kathleen", author),
        ("arctic_a0001_1592748585", "kathleen", "kathleen", author),
        ("arctic_b0469_1592527437", "kathleen", "kathleen", author),
        ("an251-fash-b", "an4-fash", "an4", "enter six"),
        ("LJ001-0001", "ljspeech", "ljspeech", "in eighteen oh five"),
        ("LJ002-0144", "ljspeech", "ljspeech", "in eighteen oh five"),
        ("p239_001", "vctk-p239", "vctk", "please call stella"),
        ("p239_464", "vctk-p239", "vctk", "please call stella"),
    ]
    assert [(utterance.id, utterance.speaker) for utterance in read_manifest(tmp_path / "out" / "dev.tsv")] == [
        ("332-128985-0000", "ls-332"),
        ("000940012", "so762-0094"),
        ("arctic_b0470_1592527426", "kathleen"),
        ("LJ002-0145", "ljspeech"),
        ("p239_465", "vctk-p239"),
    ]
    assert {utterance.duration_s for utterance in train} == {0.5}
    assert train[-1].audio_path == tmp_path / "vctk" / "wav48_silence_trimmed" / "p239" / "p239_464_mic1.flac"
    assert "vctk: 2 utterances for train, 461 expected" in result.stderr


def test_the_older_vctk_is_read_too(tmp_path: Path, run: Run) -> None:
    write_lines(tmp_path / "vctk" / "txt" / "p239" / "p239_001.txt", "Please call Stella.")
    write_audio(tmp_path / "vctk" / "wav48" / "p239" / "p239_001.wav")
    assert run(tmp_path / "out", "--vctk", tmp_path / "vctk").returncode == 0
    assert [utterance.id for utterance in read_manifest(tmp_path / "out" / "train.tsv")] == ["p239_001"]


def test_what_is_missing_is_said(tmp_path: Path, run: Run) -> None:
    make_kathleen(tmp_path / "kathleen")
    (tmp_path / "kathleen" / "data" / "arctic_a0001_1592748574.wav").unlink()
    result = run(tmp_path / "out", "--kathleen", tmp_path / "kathleen")
    assert result.returncode == 0, result.stderr
    assert "left out" in result.stderr and "arctic_a0001_1592748574.wav" in result.stderr
    missing = [line for line in result.stderr.splitlines() if "NOT GIVEN" in line]
    assert len(missing) == 5
    assert "4.90 h of training and 0.23 h of dev speech; unpack https://www.openslr.org/101" in missing[1]
    assert "train.tsv: 2 utterances, 0.00 h (of 11.57 h)" in result.stdout


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("an4", "holds no etc/an4_train.transcription"),
        ("kathleen", "holds none of the recordings of Kathleen voice"),
        ("mini-librispeech", "no known corpus layout"),
        ("speechocean", "no such manifest or corpus folder"),
    ],
)
def test_a_folder_of_something_else_is_refused(tmp_path: Path, run: Run, option: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    result = run(tmp_path / "out", f"--{option}", tmp_path / "empty")
    assert result.returncode == 1
    assert message in result.stderr and str(tmp_path / "empty") in result.stderr
    assert "Traceback" not in result.stderr


def test_no_corpus_at_all_is_a_mistake(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPTS / "collect_english.py", tmp_path / "out"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "no corpus given" in result.stderr


def test_the_page_tells_what_the_table_says(script: ModuleType) -> None:
    page = (REPOSITORY / "docs" / "english-small.md").read_text(encoding="utf-8")
    for corpus in script.load_corpora():
        row = next(line for line in page.splitlines() if f"]({corpus.url})" in line)
        cells = [cell.strip().strip("*") for cell in row.strip("|").split("|")]
        assert cells[2] == f"{corpus.hours['train']:.2f} / {corpus.hours['dev']:.2f}"
        assert cells[3] == corpus.license


@needs_speech
def test_the_rules_choose_what_the_model_saw(script: ModuleType) -> None:
    corpora = {corpus.name: corpus for corpus in script.load_corpora()}
    for name in script.SETS:
        count: Counter[str] = Counter()
        hours: Counter[str] = Counter()
        with (SPEECH / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                if row["corpus"] == SHARE_ALIKE:
                    continue
                assert corpora[row["corpus"]].set_of(row["utterance_id"]) == name, row["utterance_id"]
                count[row["corpus"]] += 1
                hours[row["corpus"]] += float(row["seconds"]) / 3600
        for corpus in corpora.values():
            assert count[corpus.name] == corpus.utterances[name]
            assert hours[corpus.name] == pytest.approx(corpus.hours[name], abs=0.0051)


@needs_speech
@pytest.mark.parametrize(
    ("option", "folder"), [("ljspeech", "LJSpeech-1.1"), ("mini-librispeech", "LibriSpeech/train-clean-5")]
)
def test_original_recordings_become_what_the_model_saw(tmp_path: Path, run: Run, option: str, folder: str) -> None:
    result = run(tmp_path / "out", f"--{option}", SPEECH / "layouts" / folder)
    assert result.returncode == 0, result.stderr
    seen = {(u.corpus, u.id): u for u in read_manifest(SPEECH / "train.tsv", require_audio=False)}
    rebuilt = read_manifest(tmp_path / "out" / "train.tsv")
    assert len(rebuilt) == 24
    for utterance in rebuilt:
        original = seen[utterance.corpus, utterance.id]
        assert utterance.speaker == original.speaker
        assert letters(utterance) == letters(original)  # "i.e." was once written "ie", now "i e"
        assert utterance.duration_s == pytest.approx(original.duration_s, abs=0.02)
