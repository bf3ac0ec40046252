"""``asrkit score`` as people run it: output, JSON, gates and exit codes."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from asrkit.cli import main
from asrkit.cli.score_options import (
    Characters,
    Engine,
    Extra,
    Missing,
    NormalizerName,
    TranscriptFormat,
    Weights,
)
from asrkit.config import ScoringConfig
from asrkit.metrics import counting, joining, transcripts
from asrkit.metrics.scoring import score
from asrkit.text import normalizer

HYP = "u2 two lines\nu1 the cat sat on the mat\nu3\n"
SAID = "asrkit: the lines of both files are read as `id text`, for instance id {}, text {}; --format lines if not\n"
TOLD = SAID.format("'u1'", "'The cat sat on a mat.'")
REF = "u1 The cat sat on a mat.\nu2 Two lines!\nu3 lost\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hyp.txt").write_text(HYP)
    (tmp_path / "ref.txt").write_text(REF)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["asrkit", "score", *arguments])
    try:
        main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def asrkit_score(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path):
    return lambda *arguments: run(capsys, monkeypatch, *arguments)


def test_the_report_as_people_see_it(asrkit_score) -> None:
    code, out, err = asrkit_score("hyp.txt", "ref.txt")
    assert (code, err) == (0, TOLD)
    lines = out.splitlines()
    assert lines[0] == "hyp.txt against ref.txt: 3 utterances, joined by id (read as ids)"
    assert lines[4].split() == ["WER", "standard-2", "22.22", "0.38-100.00", "2", "9", "7", "1", "1", "0"]
    assert lines[5].split()[:4] == ["WER", "as", "written", "66.67"]
    assert max(map(len, lines)) <= 88  # the signature is one line, everything else fits into 80
    assert [len(line) for line in lines if len(line) > 80 and not line.startswith("wer|")] == []
    assert lines[-1].startswith("wer|norm:standard-2|unit:word|case:fold|weights:unit|join:id|missing:error|n:3|v:")
    start = lines.index("u1   1 error in 6 words (16.7 %)")
    assert lines[start + 1 : start + 4] == [
        "ref  the cat sat on a   mat",
        "hyp  the cat sat on the mat",
        "                    S",
    ]


def test_json_is_complete_and_clean(asrkit_score) -> None:
    code, out, err = asrkit_score("hyp.txt", "ref.txt", "--json", "--worst", "1")
    values = json.loads(out)
    assert (code, err) == (0, TOLD)
    assert values["schema"] == "asrkit-score-1"
    wer = values["scores"]["normalized"]["wer"]
    assert (wer["errors"], wer["num_reference"], wer["hits"]) == (2, 9, 7)
    assert wer["rate"] == pytest.approx(2 / 9)
    assert wer["interval"]["unit"] == "utterance"
    assert values["scores"]["raw"]["wer"]["errors"] == 6
    assert values["scores"]["raw"]["cer"]["signature"].startswith("cer|norm:none|unit:char|")
    assert values["settings"]["normalizer"] == "standard"
    assert [utterance["id"] for utterance in values["worst"]] == ["u3"]
    assert values["worst"][0]["alignment"] == [["deletion", "lost", None]]


def test_an_undefined_rate_is_null_and_no_failure(asrkit_score, folder: Path) -> None:
    (folder / "ref.txt").write_text("\n")
    (folder / "hyp.txt").write_text("a b\n")
    code, out, _ = asrkit_score("hyp.txt", "ref.txt", "--json")
    wer = json.loads(out)["scores"]["normalized"]["wer"]
    assert (code, wer["rate"], wer["insertions"], wer["interval"]) == (0, None, 2, None)
    code, out, _ = asrkit_score("hyp.txt", "ref.txt")
    assert code == 0
    assert "undefined" in out
    assert asrkit_score("hyp.txt", "ref.txt", "--max-wer", "50")[0] == 4


@pytest.mark.parametrize(("limit", "code"), [("22.3", 0), ("22.2", 4), ("0", 4)])
def test_the_gate(asrkit_score, limit: str, code: int) -> None:
    done, out, err = asrkit_score("hyp.txt", "ref.txt", "--max-wer", limit)
    assert done == code
    assert "WER" in out
    assert ("is above --max-wer" in err) == (code == 4)


def test_sides_can_be_named(asrkit_score) -> None:
    named = asrkit_score("--ref", "ref.txt", "--hyp", "hyp.txt")
    assert named == asrkit_score("hyp.txt", "ref.txt")
    assert asrkit_score("--ref", "ref.txt", "hyp.txt") == named


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hyp.txt"], "give the hypotheses, then the references"),
        (["hyp.txt", "ref.txt", "--ref", "ref.txt"], "'ref.txt' is one path too many"),
        (["hyp.txt", "none.txt"], "none.txt: no such file"),
        (["short.txt", "ref.txt"], "short.txt lacks 2 utterances of ref.txt: 'u2', 'u3'"),
        (["bad.txt", "ref.txt"], "bad.txt:1: column 4: byte 0xe9 is not UTF-8"),
        (["hyp.txt", "ref.txt", "--engine", "jiwer", "--weights", "nist"], "use weights unit with it"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    asrkit_score,
    folder: Path,
    arguments: list[str],
    message: str,
) -> None:
    (folder / "short.txt").write_text("u1 the cat\n")
    (folder / "bad.txt").write_bytes(b"u1 \xe9\n")
    code, out, err = asrkit_score(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_missing_hypotheses_as_deletions_are_counted_loudly(asrkit_score, folder: Path) -> None:
    (folder / "short.txt").write_text("u1 the cat sat on the mat\n")
    code, out, _ = asrkit_score("short.txt", "ref.txt", "--missing", "deletions")
    assert code == 0
    assert "2 hypotheses are missing and counted as deletions: u2, u3" in out
    assert "missing:deletions" in out


def test_a_vocabulary_is_normalized_as_the_texts_are(asrkit_score, folder: Path) -> None:
    words = {word for line in REF.splitlines() for word in line.split()[1:]}
    unknown = []
    for name, change in (("lower", str.lower), ("upper", str.upper)):
        (folder / f"{name}.txt").write_text("".join(f"{change(word)}\n" for word in sorted(words)[1:]))
        code, out, _ = asrkit_score("hyp.txt", "ref.txt", "--vocabulary", f"{name}.txt", "--json")
        assert code == 0
        unknown.append(json.loads(out)["details"]["out_of_vocabulary"])
    assert unknown[0] == unknown[1]
    assert 0 < unknown[1]["occurrences"] < unknown[1]["num_reference"]


def test_swapped_sides_are_mentioned_on_stderr(asrkit_score) -> None:
    code, _, err = asrkit_score("ref.txt", "hyp.txt")
    assert code == 0
    assert "if they are swapped" in err


def test_settings_come_from_the_project_file(asrkit_score, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "asrkit.toml").write_text('[scoring]\nnormalizer = "none"\nresamples = 0\n')
    _, out, _ = asrkit_score("hyp.txt", "ref.txt")
    assert "norm:none" in out
    monkeypatch.setenv("ASRKIT_NORMALIZER", "standard")
    assert "norm:standard-2" in asrkit_score("hyp.txt", "ref.txt")[1]


def test_text_cannot_steer_the_terminal(asrkit_score, folder: Path) -> None:
    (folder / "hyp.txt").write_text("u1 \x1b[31mred [bold]x[/bold]\n")
    (folder / "ref.txt").write_text("u1 blue\n")
    _, out, _ = asrkit_score("hyp.txt", "ref.txt", "--normalizer", "none")
    assert "\x1b" not in out
    assert "[bold]x[/bold]" in out


@pytest.mark.parametrize(
    ("choices", "known"),
    [
        (TranscriptFormat, transcripts.FORMATS),
        (NormalizerName, ("auto", *normalizer.NORMALIZERS)),
        (Weights, counting.WEIGHTS),
        (Missing, joining.MISSING_POLICIES),
        (Extra, joining.EXTRA_POLICIES),
        (Characters, counting.UNITS[1:]),
        (Engine, ("native", "jiwer")),
    ],
)
def test_the_choices_are_those_of_the_library(choices: Any, known: tuple[str, ...]) -> None:
    assert get_args(choices) == known


def test_the_command_has_the_parameters_of_its_library_function() -> None:
    from asrkit.cli.score import score_command

    command = set(inspect.signature(score_command).parameters)
    shown = {"hyp", "ref", "worst", "json", "markdown", "html", "audio_root", "embed_audio", "max_wer"}
    shown |= {"by", "details", "vocabulary", "train_text", "keywords", "emissions", "lm", "lexicon", "model"}
    library = set(inspect.signature(score).parameters) - {"config"}
    settings = set(ScoringConfig().to_dict()) - {"confidence"}
    assert command - shown == library | settings


def test_scoring_loads_nothing_it_does_not_need(folder: Path) -> None:
    code = """
import sys
sys.argv = ["asrkit", "score", "hyp.txt", "ref.txt"]
from asrkit.cli import main
try:
    main()
except SystemExit:
    pass
heavy = {"jiwer", "scipy", "pandas", "keras", "tensorflow", "onnxruntime", "matplotlib", "kenlm"}
print("LOADED", *sorted(heavy & {name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"{TOLD}LOADED\n"
