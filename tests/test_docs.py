"""What the documentation says is so: commands, options, targets, files and links exist, and marked blocks run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from asrkit.cli.whole import app
from asrkit.presets import run_config

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
PAGES += sorted((REPOSITORY / "lm").glob("*.md")) + sorted((REPOSITORY / "benchmarks").glob("*.md"))

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def identify(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the info string and the content of each fenced or indented block of a page."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        yield match["info"].strip(), match["body"]
    indented = re.findall(r"(?:^ {4}\S.*\n(?:^ {4}.*\n)*)", FENCE.sub("", text), re.MULTILINE)
    yield from (("", re.sub(r"^ {4}", "", block, flags=re.MULTILINE)) for block in indented)


def command_lines(page: Path, program: str) -> list[str]:
    """Return what a page tells people to type for a program, in blocks and in inline code."""
    lines = []
    for info, body in blocks(page):
        if info.split(" ")[0] in ("", "sh", "console"):
            lines += body.replace("\\\n", " ").splitlines()
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    lines += re.findall(r"`([^`\n]+)`", prose)
    stripped = (line.strip().removeprefix("$ ") for line in lines)
    return sorted({line for line in stripped if re.match(rf"{program}( |$)", line)})


def misuse(line: str) -> str | None:
    """Return what is wrong with an ``asrkit`` command line, as far as its words tell."""
    words = shlex.split(re.split(r"\s(?:\||>|2>|&&|;|#)", line)[0].replace("…", ""))[1:]
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return f"there is no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"-h", "--help", "--version"}
    for word in words:
        flag = word.split("=")[0]
        if re.match(r"--?[a-zA-Z]", word) and flag not in known:
            return f"there is no option {flag}"
    return None


USES = [(page, line) for page in PAGES for line in command_lines(page, "asrkit")]


@pytest.mark.parametrize(("page", "line"), USES, ids=[f"{identify(page)}: {line}" for page, line in USES])
def test_every_command_line_exists(page: Path, line: str) -> None:
    assert misuse(line) is None, f"{identify(page)}: {line}"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("asrkit doctor --json > doctor.json", None),
        ("asrkit --version", None),
        ("asrkit dokter", "there is no command 'dokter'"),
        ("asrkit doctor --jason", "there is no option --jason"),
        ("asrkit lm build a.txt -o b.arpa --order=3 --ordre 2", "there is no option --ordre"),
    ],
)
def test_the_check_of_command_lines_finds_what_is_wrong(line: str, wrong: str | None) -> None:
    assert misuse(line) == wrong


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_every_make_target_exists(page: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = {word for line in command_lines(page, "make") for word in line.split("#")[0].split()[1:] if "=" not in word}
    assert named <= targets


def test_make_help_names_every_target_people_call() -> None:
    shown = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    asked = [
        "help",
        "setup",
        "demo",
        "test",
        "test-all",
        "test-jax",
        "test-torch",
        "test-ray",
        "check",
        "bench",
        "train",
        "transcribe",
        "score",
        "lm",
        "format",
        "clean",
    ]
    assert [target for target in asked if not re.search(rf"make {target}\s", shown)] == []


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_every_link_and_path_leads_somewhere(page: Path) -> None:
    text = HTML_COMMENT.sub("", FENCE.sub("", page.read_text(encoding="utf-8")))
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    # `asrkit/...`, `docs/...` in inline code name files of the tree
    for path_text in re.findall(
        r"`((?:asrkit|docs|tests|scripts|benchmarks|lm)/[\w./-]+\.(?:py|md|hpp|cpp|toml|sh))`", text
    ):
        if not (REPOSITORY / path_text).exists():
            broken.append(path_text)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_pages_name_no_private_places(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"\.\./shared|(?<![\w.-])/(?:work|root|home)/", text)


RUNNABLE = [
    (page, number, info, body)
    for page in PAGES
    for number, (info, body) in enumerate(blocks(page), 1)
    if info.endswith(" run")
]


@pytest.mark.parametrize(
    ("page", "number", "info", "body"), RUNNABLE, ids=[f"{identify(page)}:{number}" for page, number, *_ in RUNNABLE]
)
def test_blocks_marked_to_run_do(page: Path, number: int, info: str, body: str, tmp_path: Path) -> None:
    """Blocks opened with ```python run or ```sh run are self-contained and quick."""
    command = [sys.executable, "-c", body] if info.startswith("python") else ["bash", "-euo", "pipefail", "-c", body]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


SETTINGS = [(page, body) for page in PAGES for info, body in blocks(page) if info == "toml"]


@pytest.mark.parametrize(("page", "body"), SETTINGS, ids=[identify(page) for page, _ in SETTINGS])
def test_settings_shown_are_settings(page: Path, body: str) -> None:
    run_config(tomllib.loads(body), where=identify(page))


def test_every_extra_stands_in_the_table_of_licenses() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (REPOSITORY / "docs" / "licenses.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z]+)` \|", page, re.MULTILINE)) == set(project["optional-dependencies"]) - {"dev"}


def test_the_index_leads_to_every_page() -> None:
    folder = REPOSITORY / "docs"
    index = (folder / "index.md").read_text(encoding="utf-8")
    linked = {(folder / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)", index)}
    pages = {path for path in folder.rglob("*") if path.suffix in (".md", ".ipynb")} - {folder / "index.md"}
    assert sorted(path.name for path in pages - linked) == []
