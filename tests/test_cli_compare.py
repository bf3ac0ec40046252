"""``asrkit compare`` and the views of ``asrkit score`` as people run them."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asrkit.cli import main
from asrkit.config import ScoringConfig

SAID = (
    "asrkit: the lines of both files are read as `id text`, for instance id 'u00', text "
    "'the quick brown fox number 0'; --format lines if not\n"
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def asrkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    references = [f"u{i:02d} the quick brown fox number {i}\n" for i in range(40)]
    (tmp_path / "ref.txt").write_text("".join(references))
    (tmp_path / "a.txt").write_text("".join(line.replace("quick", "quack") for line in references))
    (tmp_path / "b.txt").write_text("".join(references))
    (tmp_path / "speakers").write_text("".join(f"u{i:02d} s{i % 7}\n" for i in range(40)))
    (tmp_path / "words").write_text("quick\nbrown fox\n")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["asrkit", *arguments])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_line_of_text_stays_whole_in_a_file(asrkit: Run, tmp_path: Path) -> None:
    folder = tmp_path / "a folder whose name does not leave much room in a line of eighty"
    folder.mkdir()
    Path("ref.txt").rename(folder / "ref.txt")
    for command, systems in (("score", "a.txt"), ("compare", "A and B")):
        files = ["a.txt"] if command == "score" else ["a.txt", "b.txt"]
        out = asrkit(command, *files, f"{folder}/ref.txt")[1]
        assert out.splitlines()[0] == f"{systems} against {folder}/ref.txt: 40 utterances, joined by id (read as ids)"


def test_a_verdict_for_people(asrkit: Run) -> None:
    code, out, err = asrkit("compare", "a.txt", "b.txt", "ref.txt", "--worst", "1")
    assert (code, err) == (0, SAID)
    assert "B is better by 15.50 % absolute, 100.0 % relative." in out
    assert "The difference is settled: B is better on speech like this." in out
    assert out.count("quack") == 1


def test_a_verdict_for_programs(asrkit: Run) -> None:
    _, out, _ = asrkit("compare", "a.txt", "b.txt", "ref.txt", "--json", "--speakers", "speakers")
    values = json.loads(out)
    assert values["schema"] == "asrkit-comparison-1"
    assert values["difference"] == pytest.approx(40 / 258)
    assert values["interval"]["unit"] == "speaker"
    assert (values["wins"], values["losses"], values["is_settled"]) == (40, 0, True)
    assert values["a"]["scores"]["normalized"]["wer"]["errors"] == 40


def test_every_view_of_a_comparison(asrkit: Run, tmp_path: Path) -> None:
    code, out, err = asrkit("compare", "a.txt", "b.txt", "ref.txt", "--markdown", "--html", "c.html")
    assert code == 0
    assert out.startswith("## a.txt against b.txt\n")
    assert err == f"{SAID}asrkit: wrote c.html\n"
    assert (tmp_path / "c.html").read_text().startswith("<!doctype html>")
    assert [path.name for path in tmp_path.glob(".c.html*")] == []


def test_every_view_of_a_score(asrkit: Run, tmp_path: Path) -> None:
    arguments = ["--speakers", "speakers", "--vocabulary", "words", "--train-text", "ref.txt", "--keywords", "words"]
    code, out, err = asrkit("score", "a.txt", "ref.txt", "--html", "r.html", "--json", *arguments)
    details = json.loads(out)["details"]
    assert (code, err) == (0, f"{SAID}asrkit: wrote r.html\n")
    assert [k["recall"] for k in details["keywords"]] == [0.0, 1.0, 0.5]
    assert details["out_of_vocabulary"]["num_words"] == 2
    assert len(details["speakers"]) == 7
    assert sum(band["occurrences"] for band in details["bands"]) == 258
    assert "WER by speaker" in (tmp_path / "r.html").read_text()
    assert asrkit("score", "a.txt", "ref.txt", "--markdown")[1].startswith("## WER 15.50 %")
    assert "Confusions" in asrkit("score", "a.txt", "ref.txt", "--details")[1]


def test_scores_by_a_column_in_every_view(asrkit: Run, tmp_path: Path) -> None:
    rows = "".join(f"u{i:02d}\t{'uk' if i < 20 else 'us'}\ts{i % 3}\n" for i in range(40))
    (tmp_path / "who.tsv").write_text(f"id\taccent\tspeaker\n{rows}")
    half_right = (tmp_path / "b.txt").read_text().splitlines(keepends=True)[20:]
    (tmp_path / "d.txt").write_text(
        "".join((tmp_path / "a.txt").read_text().splitlines(keepends=True)[:20] + half_right)
    )
    given = ["score", "d.txt", "ref.txt", "--speakers", "who.tsv", "--by", "accent", "--by", "speaker"]
    code, out, err = asrkit(*given, "--html", "r.html")
    assert (code, err) == (0, f"{SAID}asrkit: wrote r.html\n")
    assert "By accent" in out
    assert "the gap is settled: p < 0.001 (utterances of each speaker shuffled)" in out
    assert "3 speakers are too few to tell of others" in out
    assert "By accent" in (tmp_path / "r.html").read_text()
    fields = json.loads(asrkit(*given, "--json")[1])["by"]
    assert [field["field"] for field in fields] == ["accent", "speaker"]
    assert [(group["name"], group["errors"]) for group in fields[0]["groups"]] == [("uk", 20), ("us", 0)]
    assert fields[0]["groups"][0]["interval"]["num_units"] == 20
    assert "### By speaker" in asrkit(*given, "--markdown")[1]
    code, _, err = asrkit("score", "a.txt", "ref.txt", "--by", "accent")
    assert (code, "column 'accent' is in no manifest given" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "page", "content", "code"),
    [
        (("compare", "a.txt", "b.txt", "ref.txt"), "speakers", None, 2),
        (("score", "a.txt", "ref.txt"), "ref.txt", None, 2),
        (("score", "a.txt", "ref.txt", "--max-wer", "0"), "notes.html", "my notes", 2),  # before any work
        (("score", "a.txt", "ref.txt"), "empty.txt", "", 2),
        (("score", "a.txt", "ref.txt"), "empty.html", "", 0),
        (("score", "a.txt", "ref.txt"), "old", " <!DOCTYPE HTML>\n", 0),
        (("score", "a.txt", "ref.txt"), "older", "<html>", 0),
    ],
)
def test_a_page_replaces_nothing_but_a_page(
    arguments: tuple[str, ...], page: str, content: str | None, code: int, asrkit: Run, tmp_path: Path
) -> None:
    path = tmp_path / page
    if content is not None:
        path.write_text(content)
    before = path.read_bytes()
    said = asrkit(*arguments, "--html", page)
    assert said[0] == code
    assert (path.read_bytes() == before) == (code == 2)
    if code == 2:
        assert said[1:] == ("", f"asrkit: --html would replace {page}, which is no HTML page; name another file\n")


def test_the_page_is_written_though_the_reader_of_the_output_leaves(
    asrkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(*arguments: object, **options: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("asrkit.cli.score._show", leave)
    assert asrkit("score", "a.txt", "ref.txt", "--html", "r.html")[0] == 1
    assert (tmp_path / "r.html").is_file()


@pytest.mark.parametrize("command", [["score", "a.txt", "ref.txt"], ["compare", "a.txt", "b.txt", "ref.txt"]])
def test_one_view_at_a_time_on_stdout(asrkit: Run, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asrkit.cli.score.settings_from", None)  # it is told before any work
    monkeypatch.setattr("asrkit.cli.compare.settings_from", None)
    code, out, err = asrkit(*command, "--json", "--markdown")
    assert (code, out) == (2, "")
    assert "choose one of --json and --markdown" in err


def test_a_language_model_is_a_vocabulary(asrkit: Run, tmp_path: Path) -> None:
    entries = "".join(f"-1\t{word}\n" for word in ("<unk>", "<s>", "</s>", "the", "quick"))
    (tmp_path / "lm.arpa").write_text(f"\\data\\\nngram 1=5\n\n\\1-grams:\n{entries}\n\\end\\\n")
    _, out, _ = asrkit("score", "a.txt", "ref.txt", "--json", "--vocabulary", "lm.arpa")
    oov = json.loads(out)["details"]["out_of_vocabulary"]
    assert "quick" not in oov["examples"]
    assert "brown" in oov["examples"]


@pytest.mark.parametrize(
    ("systems", "most", "code", "message", "why"),
    [
        (
            ["b.txt", "a.txt"],
            "15.5",
            4,
            "the WER of B is 15.50 points above that of A",
            "40 errors in 258 words: 15.504",
        ),
        (["b.txt", "a.txt"], "15.51", 0, "", "no more than allowed"),
        (["a.txt", "b.txt"], "0", 0, "", "a fall is no rise"),
        (["a.txt", "a.txt"], "0", 0, "", "nor is nothing"),
        (["b.txt", "b.txt", "a.txt"], "1", 4, "the WER of C is 15.50 points above", "any system after the first"),
        (["a.txt", "b.txt", "a.txt"], "1", 0, "", "what counts is the first, not the one before"),
    ],
)
def test_a_rise_above_the_threshold_ends_with_4(
    asrkit: Run, systems: list[str], most: str, code: int, message: str, why: str
) -> None:
    ended, out, err = asrkit("compare", *systems, "ref.txt", "--max-rise", most)
    assert ended == code, why
    assert message in err
    assert out


def test_a_rise_over_references_without_words_misses(asrkit: Run, tmp_path: Path) -> None:
    for name in ("x", "y", "z"):
        (tmp_path / name).write_text("\n")
    code, _, err = asrkit("compare", "x", "y", "z", "--max-rise", "5")
    assert (code, err) == (4, "asrkit: the WER of B is undefined and cannot meet --max-rise 5\n")


def test_three_systems_in_every_view(asrkit: Run, tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text((tmp_path / "a.txt").read_text().replace("brown", "clown", 3))
    three = ["compare", "a.txt", "b.txt", "c.txt", "ref.txt"]
    code, out, err = asrkit(*three, "--worst", "1", "--html", "r.html")
    assert (code, err) == (0, f"{SAID}asrkit: wrote r.html\n")
    lines = [line.split() for line in out.splitlines()]
    assert [line[0] for line in lines if line[1:2] in (["a.txt"], ["b.txt"], ["c.txt"])] == ["B", "A", "C"]
    assert "A - B  +15.50  +10.70 to +20.31  < 0.001             B is better" in out
    assert out.count("B is better") == 2
    assert out.count("not settled") == 1
    page = (tmp_path / "r.html").read_text()
    assert "substitutions C" in page
    values = json.loads(asrkit(*three, "--json")[1])
    assert (values["schema"], values["order"]) == ("asrkit-ranking-1", ["B", "A", "C"])
    assert [(pair["a"], pair["b"], pair["is_settled"]) for pair in values["pairs"]] == [
        ("A", "B", True),
        ("A", "C", False),
        ("B", "C", True),
    ]
    markdown = asrkit(*three, "--markdown")[1]
    assert markdown.startswith("## 3 systems, the best with WER 0.00 %\n")
    assert "| A - C | -1.16 |" in markdown


@pytest.mark.parametrize("systems", [["b.txt", "c.txt"], ["b.txt", "c.txt", "a.txt"]])
def test_missing_hypotheses_are_told_of_the_system_that_lacks_them(
    systems: list[str], asrkit: Run, tmp_path: Path
) -> None:
    """A system that answers less looked worse for its errors alone."""
    (tmp_path / "c.txt").write_text("".join((tmp_path / "b.txt").read_text().splitlines(keepends=True)[:38]))
    command = ["compare", *systems, "ref.txt", "--missing", "deletions"]
    said = "B: 2 hypotheses are missing and counted as deletions: u38, u39"
    assert said in asrkit(*command, "--html", "r.html")[1]
    assert f"**{said}**" in asrkit(*command, "--markdown")[1]
    assert said in (tmp_path / "r.html").read_text()
    assert "A: " not in asrkit(*command)[1]


def test_markdown_shows_the_worst_regressions(asrkit: Run) -> None:
    out = asrkit("compare", "b.txt", "a.txt", "ref.txt", "--markdown")[1]
    assert "### Worst regressions" in out
    assert out.count("~~quick~~ **quack**") == 3
    assert "Worst regressions" not in asrkit("compare", "a.txt", "b.txt", "ref.txt", "--markdown")[1]


def test_one_system_is_a_wrong_usage(asrkit: Run) -> None:
    code, _, err = asrkit("compare", "a.txt", "ref.txt")
    assert code == 2
    assert "give the hypotheses of two systems or more, then the references" in err


def test_the_command_has_the_parameters_of_its_library_function() -> None:
    from asrkit.cli.compare import compare_command
    from asrkit.metrics.ranking import rank

    shown = {"paths", "worst", "json", "markdown", "html", "audio_root", "embed_audio", "max_rise"}
    library = set(inspect.signature(rank).parameters) - {"config", "systems", "references"}
    settings = set(ScoringConfig().to_dict()) - {"confidence"}
    assert set(inspect.signature(compare_command).parameters) - shown == library | settings
