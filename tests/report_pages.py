"""Pages of ``asrkit score --html``: what they hold, and a browser to open them in."""

from __future__ import annotations

import json
import re
import shutil
import wave
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from asrkit.metrics.blame import Blame, BlamedError
from asrkit.metrics.details import find_details
from asrkit.metrics.groups import score_by
from asrkit.metrics.scoring import ScoreReport, score
from asrkit.report.html import render_score
from asrkit.report.html.audio import Players

EVIL = "</script><script>alert(1)</script> <img src=x onerror=alert(1)> \u202e"


class Outline(HTMLParser):
    """Collects tags and checks that they nest."""

    void = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    assert parser.open == []
    return parser


@pytest.fixture
def report(tmp_path: Path) -> ScoreReport:
    """Six speakers, a recording for the first utterance, right-to-left words, hostile text."""
    with wave.open(str(tmp_path / "u0 #1.wav"), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(8_000)
        audio.writeframes(b"\0\0" * 8_000)
    (tmp_path / "secret.txt").write_text("not a recording")
    texts = ["The cat sat.", "ten green bottles", "שלום עולם", "plain", "same", EVIL]
    heard = ["the bat sat down", "ten bottles", "שלום", "plain", "same", "x"]
    sounds = ["u0 #1.wav", "none.wav", "secret.txt", "", "", ""]
    rows = [
        {"id": f"u{i}", "text": text, "speaker": f"s{i}", "duration": i + 1.0, "audio": sound}
        for i, (text, sound) in enumerate(zip(texts, sounds, strict=True))
    ]
    (tmp_path / "ref.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    times = [
        {"word": word, "start_s": k / 5, "end_s": k / 5 + 0.2, "confidence": 0.9 - k / 5}
        for k, word in enumerate(heard[0].split())
    ]
    lines = [{"id": f"u{i}", "text": text, **({} if i else {"words": times})} for i, text in enumerate(heard)]
    (tmp_path / "hyp.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return score(tmp_path / "hyp.jsonl", tmp_path / "ref.jsonl")


@pytest.fixture
def page(report: ScoreReport, tmp_path: Path) -> str:
    error = BlamedError("u0", "search", "cat", "bat", 1, 0.5, -1.0)
    other = BlamedError("u0", "acoustic model", "", "down", 1, 0.5, -1.0)
    details = find_details(report, keywords=["green bottles"], blame=Blame([error, other], 0))
    return render_score(report, details, Players(tmp_path, (tmp_path,)), fields=[score_by(report, "speaker")])


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
    )
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Open a page; whatever the console says, and any request beyond the file itself, fails the test."""
    troubles: list[str] = []
    opened = []

    def open_(text: str, scheme: str = "light") -> Any:
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        tab = browser.new_page(color_scheme=scheme, viewport={"width": 1000, "height": 800})
        tab.on("console", lambda message: troubles.append(message.text))
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("request", lambda request: troubles.append(request.url) if request.url.startswith("http") else None)
        tab.goto(path.as_uri())
        opened.append(tab)
        return tab

    yield open_
    for tab in opened:
        tab.close()
    assert troubles == []


def shown_ids(tab: Any) -> list[str]:
    return tab.evaluate("found.map(i => DATA.ids[i])")


def until(tab: Any, condition: str) -> None:
    """Wait until a script is true; the page's policy forbids what playwright does for it."""
    for _ in range(200):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(25)
    raise AssertionError(condition)


def drawn_row(tab: Any, name: str) -> Any:
    return tab.locator(f"article.row[aria-label='{name}']")
