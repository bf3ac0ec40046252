"""What files of strangers say of themselves never commands a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from random_bundle import random_bundle

import asrkit.cli
from asrkit.cli import main
from asrkit.cli.console import Console
from asrkit.cli.showing import show
from asrkit.text.identifiers import harmless

PRINTS = r"(?<![\w.])print\(|\becho\(|secho\(|sys\.std(out|err)\.(buffer\.)?write|import Console$"
EVIL = "\x1b]0;PWN\x07\x1b[31m\u202eowt"


def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr("sys.argv", ["asrkit", *arguments])
    with contextlib.suppress(SystemExit):
        main()
    out, err = capfd.readouterr()
    shown = out + err
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
    return shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u2068日本\u2069 b \u2068שלום\u2069", "\u2068日本\u2069 b \u2068שלום\u2069"),
        ("\u2068я\x1b[31m\u2069", "%E2%81%A8я%1B[31m%E2%81%A9"),
        ("\u2068я \u202eb\u2069", "%E2%81%A8я %E2%80%AEb%E2%81%A9"),
        ("\u2068never ends", "%E2%81%A8never ends"),
        ("\u2069\u2068", "%E2%81%A9%E2%81%A8"),
        ("a\u2068b\nc\u2069", "a\u2068b\nc\u2069"),
    ],
)
def test_an_isolate_that_ends_steers_nothing(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize(
    ("said", "heard"), [("купил хлеба", "купила хлеба"), ("שלום עולם", "שלומ עולם"), ("日 本", "日 語")]
)
def test_words_of_every_script_are_shown_as_they_are(
    said: str, heard: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ref.txt").write_text(f"{said}\n", encoding="utf-8")
    (tmp_path / "hyp.txt").write_text(f"{heard}\n", encoding="utf-8")
    shown = run(monkeypatch, capfd, "score", str(tmp_path / "hyp.txt"), str(tmp_path / "ref.txt"))
    assert set(said.split()) | set(heard.split()) <= set(re.sub("[\u2068\u2069]", "", shown).split())
    assert "%E2" not in shown


def test_the_name_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = random_bundle(tmp_path / "model", card={"name": EVIL, "about": EVIL, "license": EVIL})
    assert "PWN" in run(monkeypatch, capfd, "model", "info", str(bundle.path))
    soundfile.write(tmp_path / "a.wav", np.zeros(8_000), 8_000)
    shown = run(
        monkeypatch, capfd, "transcribe", str(tmp_path / "a.wav"), "-m", str(bundle.path), "-o", str(tmp_path / "out")
    )
    assert "PWN" in shown


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    arpa = tmp_path / "m.arpa"
    words = f"\\data\\\nngram 1=2\nngram 2=1\n\n\\1-grams:\n-1\t<unk>\n-1\ta\n\n\\2-grams:\n-1\ta {EVIL}\n\n\\end\\\n"
    arpa.write_text(words, encoding="utf-8")
    assert "PWN" in run(monkeypatch, capfd, "lm", "info", str(arpa))
    bundle = random_bundle(tmp_path / "model")
    description = json.loads((bundle.path / "bundle.json").read_text())
    (bundle.path / "bundle.json").write_text(json.dumps(description | {"decoding": {EVIL: 1}}))
    assert "PWN" in run(monkeypatch, capfd, "model", "info", str(bundle.path))
    assert "PWN" in run(monkeypatch, capfd, "score", str(tmp_path / EVIL), str(tmp_path / EVIL))


def test_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """A pattern of the shell hands over names of files as they are."""
    assert "PWN" in run(monkeypatch, capfd, "model", "info", f"--{EVIL}")
    assert "PWN" in run(monkeypatch, capfd, EVIL)
    assert "PWN" in run(monkeypatch, capfd, "model", "info", "a", EVIL)


def test_lines_of_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    text, model = tmp_path / "text.txt", tmp_path / f"{EVIL.replace('/', '')}.bin"
    text.write_text("bat sat\ncat sat\n")
    arguments = ("--order", "2", "--discount-fallback", "-o", str(tmp_path / f"{EVIL}.arpa"))
    assert "PWN" in run(monkeypatch, capfd, "lm", "build", str(text), *arguments)
    assert "PWN" in run(monkeypatch, capfd, "lm", "convert", str(tmp_path / f"{EVIL}.arpa"), str(model))
    assert "PWN" in run(monkeypatch, capfd, "lm", "info", str(model))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.jsonl").touch()
    about = {"state": EVIL, "num_recordings": 1, "num_others": 0, "provenance": {"model": EVIL, "lm": EVIL, "key": ""}}
    (tmp_path / "out" / "run.json").write_text(json.dumps(about))
    assert "PWN" in run(monkeypatch, capfd, "status", str(tmp_path / "out"))


@pytest.mark.parametrize("text", [EVIL, f"two\nlines\t{EVIL}", "\x9b31m", "half \ud800"])
def test_a_terminal_gets_no_commands_and_a_program_gets_what_there_is(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, exact in ((Terminal(), True), (Terminal(), False), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stdout", stream)
        show(text, exact=exact)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800]", stream.getvalue())
        assert stream.getvalue().count("\n") == text.count("\n") + 1
    piped = io.StringIO()
    monkeypatch.setattr("sys.stdout", piped)
    show(text, exact=True)
    assert piped.getvalue() == (f"{text}\n" if "\ud800" not in text else "half %ED%A0%80\n")


def test_tables_and_bars() -> None:
    from rich.progress import Progress
    from rich.table import Table

    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    table = Table(EVIL)
    table.add_row(f"{EVIL}\nsecond line")
    console.print(table)
    console.print(f"[bold]{EVIL}[/]")
    with Progress(console=console) as bars:
        bars.add_task(EVIL)
    shown = out.getvalue()
    assert shown.count("%1B]0;PWN") >= 4 and "second line" in shown
    assert "\x1b]" not in shown and "\x07" not in shown and "\u202e" not in shown
    assert "\x1b[?25l" in shown  # what the bar itself steers with


def test_nothing_else_prints() -> None:
    """Whoever prints past both places prints what strangers wrote, sooner or later."""
    ours = Path(asrkit.cli.__file__).parent.parent
    allowed = {"cli/showing.py": 1, "cli/app.py": 2, "cli/ending.py": 1, "cli/__init__.py": 1}
    allowed["model/examination.py"] = 1  # a process of its own, whose answer is read
    found = {}
    for path in ours.rglob("*.py"):
        lines = [line.partition("#")[0] for line in path.read_text(encoding="utf-8").splitlines()]
        hits = [line for line in lines if re.search(PRINTS, line) and "asrkit.cli.console" not in line]
        found[path.relative_to(ours).as_posix()] = len(hits)
    assert {name: count for name, count in found.items() if count > allowed.get(name, 0)} == {
        "report/score_terminal.py": 1  # the type of what it is given
    }


def test_transcripts_for_a_closed_stdout_are_refused_before_the_work(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(8_000), 8_000)
    program = "import sys; sys.stdout = None; from asrkit.cli import main; main()"
    command = [sys.executable, "-c", program, "transcribe", str(tmp_path / "a.wav"), "--stdout"]
    done = subprocess.run(command, capture_output=True, text=True)
    line = "asrkit: stdout is closed, and transcripts would go nowhere; name a folder with -o\n"
    assert (done.returncode, done.stderr) == (2, line)
