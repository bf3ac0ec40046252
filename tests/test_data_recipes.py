"""The preparation scripts: who is held out, and that both sources of a corpus agree."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from asrkit.data import Utterance, read_manifest, write_manifest

SCRIPTS = Path(__file__).parent.parent / "scripts"
SPEAKERS = [f"s{index:02d}" for index in range(20)]


def run_script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPTS / name, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def speakers(path: Path) -> set[str | None]:
    return {utterance.speaker for utterance in read_manifest(path)}


def test_an4_holds_out_every_seventh_speaker_from_a_manifest(tmp_path: Path) -> None:
    audio = tmp_path / "a.wav"
    soundfile.write(audio, np.zeros(1600), 16_000)
    utterances = [Utterance(f"u-{s}-{i}", audio, "yes", 0.1, s, "an4") for s in SPEAKERS[::-1] for i in range(2)]
    write_manifest(tmp_path / "all.tsv", [*utterances, Utterance("other", audio, "no", 0.1, "a", "elsewhere")])
    result = run_script("prepare_an4.py", tmp_path / "all.tsv", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert speakers(tmp_path / "out" / "test.tsv") == {"s00", "s07", "s14"}
    assert speakers(tmp_path / "out" / "dev.tsv") == {"s03", "s17"}
    assert len(speakers(tmp_path / "out" / "train.tsv")) == 15
    assert "test: 6 utterances, 3 speakers" in result.stdout


@pytest.mark.parametrize("order", ["<i2", ">i2"])
def test_an4_is_read_from_its_public_tree(tmp_path: Path, order: str) -> None:
    tone = np.rint(300 * np.sin(np.arange(1600) / 8)).astype(order)
    tree = tmp_path / "an4"
    (tree / "etc").mkdir(parents=True)
    (tree / "wav" / "an4_clstk").mkdir(parents=True)
    lines = [f"<s> RUBOUT G </s> (an1-{speaker}-b)" for speaker in SPEAKERS]
    (tree / "etc" / "an4_train.transcription").write_text("\n".join(lines) + "\n")
    for speaker in SPEAKERS:
        tone.tofile(tree / "wav" / "an4_clstk" / f"an1-{speaker}-b.raw")
    result = run_script("prepare_an4.py", tree, tmp_path / "out")
    assert result.returncode == 0, result.stderr
    test = read_manifest(tmp_path / "out" / "test.tsv")
    assert [(u.speaker, u.text, u.duration_s) for u in test] == [(s, "rubout g", 0.1) for s in ("s00", "s07", "s14")]
    assert (soundfile.read(test[0].audio_path, dtype="int16")[0] == tone).all()


def test_an4_names_what_is_missing(tmp_path: Path) -> None:
    result = run_script("prepare_an4.py", tmp_path / "gone.tsv", tmp_path / "out")
    assert result.returncode == 1
    assert result.stderr == f"prepare_an4: {tmp_path / 'gone.tsv'}: no such manifest or corpus folder\n"


@pytest.mark.parametrize(
    ("line", "num_bytes", "message"),
    [
        (b"<s> CAF\xe9 </s> (an1-s00-b)", 3200, "etc/an4_train.transcription:1: is not UTF-8"),
        (b"<s> YES </s> (an1)", 3200, "etc/an4_train.transcription:1: expected '<s> WORDS </s> (an251-fash-b)'"),
        (b"<s> YES </s> (an1-s00-b)", 3201, "wav/an1-s00-b.raw: its 3,201 bytes are no 16-bit samples; copy it again"),
        (b"<s> YES </s> (an1-s00-b)", 0, "wav/an1-s00-b.raw: its 0 bytes are no 16-bit samples; copy it again"),
    ],
)
@pytest.mark.parametrize("script", ["prepare_an4.py", "collect_english.py"])
def test_a_damaged_an4_is_one_line(tmp_path: Path, script: str, line: bytes, num_bytes: int, message: str) -> None:
    tree = tmp_path / "an4"
    for name, content in (("etc/an4_train.transcription", line + b"\n"), ("wav/an1-s00-b.raw", bytes(num_bytes))):
        (tree / name).parent.mkdir(parents=True)
        (tree / name).write_bytes(content)
    orders = [tree, tmp_path / "out"] if script == "prepare_an4.py" else [tmp_path / "out", "--an4", tree]
    result = run_script(script, *orders)
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"{script.removesuffix('.py')}: {tree}/{message}"), result.stderr
    assert "Traceback" not in result.stderr


def test_an4_is_not_written_into_a_file(tmp_path: Path) -> None:
    tree = tmp_path / "an4"
    for name, content in (("etc/an4_train.transcription", b"YES (an1-s00-b)\n"), ("wav/an1-s00-b.raw", bytes(3200))):
        (tree / name).parent.mkdir(parents=True)
        (tree / name).write_bytes(content)
    for name in ("wav", "an4_wav"):
        (tmp_path / name).write_text("a file")
    for script, orders in (
        ("prepare_an4.py", (tree, tmp_path)),
        ("collect_english.py", (tmp_path, "--an4", tree)),
    ):
        result = run_script(script, *orders)
        assert result.returncode == 1
        assert result.stderr.splitlines()[-1].startswith(f"{script.removesuffix('.py')}: [Errno "), result.stderr


def test_english_leaves_out_held_out_speakers_and_share_alike_corpora(tmp_path: Path) -> None:
    audio = tmp_path / "a.wav"
    soundfile.write(audio, np.zeros(1600), 16_000)
    an4 = [Utterance(f"an4-{s}", audio, "yes", 0.1, s, "an4") for s in SPEAKERS]
    others = [
        Utterance(f"{corpus}-{i}", audio, "no", 0.1, "s", corpus)
        for corpus, count in (("asterisk_allison", 2), ("kathleen", 4))
        for i in range(count)
    ]
    write_manifest(tmp_path / "train.tsv", [*an4, *others])
    write_manifest(tmp_path / "dev.tsv", [Utterance("d", audio, "no", 0.1, "s", "kathleen")])
    write_manifest(tmp_path / "test.tsv", [Utterance("t", audio, "no", 0.1, "stranger", "kathleen")])
    lists = [tmp_path / "train.tsv", tmp_path / "dev.tsv", tmp_path / "out"]
    result = run_script("prepare_english.py", *lists, "--test", tmp_path / "test.tsv")
    assert result.returncode == 0, result.stderr
    held_out = {f"an4-{s}" for s in ("s00", "s07", "s14", "s03", "s17")}
    train = {u.id for u in read_manifest(tmp_path / "out" / "train.tsv")}
    assert train == {u.id for u in [*an4, *others[2:]]} - held_out
    assert {u.id for u in read_manifest(tmp_path / "out" / "tuning.tsv")} == {"d", "an4-s03", "an4-s17"}
    sets = {path.stem: path for path in (tmp_path / "out" / "sets").iterdir()}
    assert sorted(sets) == ["an4_test", "kathleen", "kathleen_test"]
    assert speakers(sets["an4_test"]) == {"s00", "s07", "s14"}
    assert [u.id for u in read_manifest(sets["kathleen"])] == ["d"]
    assert [u.id for u in read_manifest(sets["kathleen_test"])] == ["t"]
    assert run_script("prepare_english.py", *lists).returncode == 0
    assert sorted(path.stem for path in sets["kathleen"].parent.iterdir()) == ["an4_test", "kathleen"]


def test_english_is_not_reported_on_a_voice_that_is_trained_on(tmp_path: Path) -> None:
    audio = tmp_path / "a.wav"
    soundfile.write(audio, np.zeros(1600), 16_000)
    for name in ("train", "dev", "test"):
        write_manifest(tmp_path / f"{name}.tsv", [Utterance(name, audio, "no", 0.1, "ls-84", "librispeech")])
    lists = [tmp_path / "train.tsv", tmp_path / "dev.tsv", tmp_path / "out"]
    result = run_script("prepare_english.py", *lists, "--test", tmp_path / "test.tsv")
    assert result.returncode == 1
    assert "the test set has speakers that are trained on: ls-84" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def spoken_figures() -> Any:
    return runpy.run_path(str(SCRIPTS / "spoken_figures.py"))


@pytest.mark.parametrize(
    ("number", "said", "placed"),
    [
        (0, "zero", "zeroth"),
        (12, "twelve", "twelfth"),
        (20, "twenty", "twentieth"),
        (31, "thirty one", "thirty first"),
        (105, "one hundred five", "one hundred fifth"),
        (2_000, "two thousand", "two thousandth"),
        (999_999, "nine hundred ninety nine thousand nine hundred ninety nine", None),
    ],
)
def test_numbers_are_said(number: int, said: str, placed: str | None, spoken_figures: Any) -> None:
    assert spoken_figures["cardinal"](number) == said
    if placed:
        assert spoken_figures["ordinal"](number) == placed


def test_figures_are_the_same_for_the_same_seed_and_spell_words_of_the_lexicon(tmp_path: Path) -> None:
    (tmp_path / "words.dict").write_text("ANN AE N\nBO B OW\nX EH K S\n")
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        result = run_script(
            "spoken_figures.py", tmp_path / "words.dict", tmp_path / name, "--sentences", "300", "--seed", str(seed)
        )
        assert result.returncode == 0, result.stderr
    first, again, other = ((tmp_path / name).read_text() for name in "abc")
    assert first == again != other
    lines = first.splitlines()
    assert len(lines) == 300
    assert {"a n n", "b o"} < set(lines)
    assert re.fullmatch(r"[a-z' \n]+", first)
    (tmp_path / "x.dict").write_text("X EH K S\n")
    result = run_script("spoken_figures.py", tmp_path / "x.dict", tmp_path / "d")
    assert "has no word of 2 to 10 letters to spell" in result.stderr
    assert not (tmp_path / "d").exists()
