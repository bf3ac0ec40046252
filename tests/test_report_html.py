"""The HTML report: one file, safe, and working in a real browser, light and dark, by keyboard."""

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

from asrkit.metrics.comparison import compare
from asrkit.metrics.details import find_details
from asrkit.metrics.scoring import ScoreReport, score
from asrkit.report.html import render_comparison, render_score
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
        audio.writeframes(b"\0\0" * 800)
    (tmp_path / "secret.txt").write_text("not a recording")
    texts = ["the cat sat", "ten green bottles", "שלום עולם", "plain", "same", EVIL]
    heard = ["the bat sat down", "ten bottles", "שלום", "plain", "same", "x"]
    sounds = ["u0 #1.wav", "none.wav", "secret.txt", "", "", ""]
    rows = [
        {"id": f"u{i}", "text": text, "speaker": f"s{i}", "duration": i + 1.0, "audio": sound}
        for i, (text, sound) in enumerate(zip(texts, sounds, strict=True))
    ]
    (tmp_path / "ref.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [json.dumps({"id": f"u{i}", "text": text}) for i, text in enumerate(heard)]
    (tmp_path / "hyp.jsonl").write_text("\n".join(lines))
    return score(tmp_path / "hyp.jsonl", tmp_path / "ref.jsonl")


@pytest.fixture
def page(report: ScoreReport, tmp_path: Path) -> str:
    return render_score(report, find_details(report), Players(tmp_path, (tmp_path,)))


def test_the_page_is_one_file_without_any_network(page: str) -> None:
    parsed = outline(page)
    names = [tag for tag, _ in parsed.tags]
    assert names.count("script") == 1
    assert "iframe" not in names
    links = [a.get("src") or a.get("href") for _, a in parsed.tags if a.get("src") or a.get("href")]
    assert links == ["data:,", "u0%20%231.wav"]
    policy = next(a["content"] for tag, a in parsed.tags if tag == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_text_stays_text(page: str) -> None:
    parsed = outline(page)
    assert "alert(1)</script>" not in page
    assert not [a for _, a in parsed.tags if "onerror" in a]
    assert "\u202e" not in page


def test_only_recordings_are_linked_or_embedded(report: ScoreReport, tmp_path: Path) -> None:
    linked = Players(tmp_path / "deeper", (tmp_path,))
    assert linked.source(report, 0) == "../u0%20%231.wav"
    assert [linked.source(report, i) for i in (1, 2, 3)] == [None, None, None]
    embedded = Players(tmp_path, (tmp_path,), embed=True).source(report, 0)
    assert embedded is not None
    assert embedded.startswith("data:audio/wav;base64,UklGR")


def test_what_is_left_out_is_told(report: ScoreReport) -> None:
    page = render_score(report, find_details(report), most_utterances=2)
    assert "The 2 most telling of 6 utterances." in page
    assert len(re.findall('<tr><th scope="row">', page)) == 2


def test_two_systems_stand_side_by_side(tmp_path: Path) -> None:
    comparison = compare(["a x", "c"], ["a b", "x"], ["a b", "c"])
    page = render_comparison(comparison)
    outline(page)
    assert "alignment A" in page
    assert "alignment B" in page
    assert "Both systems make the same number of errors." in page


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
    return tab.eval_on_selector_all("#utterances tbody tr:not([hidden]) th", "cells => cells.map(c => c.textContent)")


def test_the_table_sorts_and_filters_in_a_browser(open_page: Any, page: str, report: ScoreReport) -> None:
    tab = open_page(page)
    assert tab.title() == f"WER {100 * (report.word_error_rate or 0):.2f} %"
    first = shown_ids(tab)
    assert len(first) == 6
    assert first[0] == "u5"
    tab.fill("#search", "BOTTLES")
    assert shown_ids(tab) == ["u1"]
    assert tab.text_content("#shown") == "1 shown"
    tab.fill("#search", "")
    tab.fill("#least", "1")
    assert sorted(shown_ids(tab)) == ["u0", "u1", "u2", "u5"]
    tab.fill("#least", "0")
    tab.click("th button:has-text('utterance')")
    assert shown_ids(tab) == [f"u{i}" for i in range(6)]
    tab.click("th button:has-text('utterance')")
    assert shown_ids(tab) == [f"u{i}" for i in reversed(range(6))]
    tab.click("th button:has-text('WER')")
    assert shown_ids(tab)[-2:] in (["u3", "u4"], ["u4", "u3"])


def test_the_table_works_by_keyboard_alone(open_page: Any, page: str) -> None:
    tab = open_page(page)
    reached = []
    for _ in range(12):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert reached[:7] == ["search", "least", "utterance", "speaker", "words", "errors", "WER"]
    tab.focus("th button:has-text('utterance')")
    tab.keyboard.press("Enter")
    assert tab.get_attribute("th:has(button:has-text('utterance'))", "aria-sort") == "ascending"
    assert shown_ids(tab)[0] == "u0"


def contrast(tab: Any, selector: str) -> float:
    """Contrast of text and background by the formula of WCAG 2."""
    script = """element => {
      const lit = color => {
        const [r, g, b] = color.match(/[0-9.]+/g).slice(0, 3).map(v => v / 255)
          .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      let back = element;
      while (getComputedStyle(back).backgroundColor === "rgba(0, 0, 0, 0)") back = back.parentElement;
      const [one, other] = [getComputedStyle(element).color, getComputedStyle(back).backgroundColor].map(lit);
      return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    }"""
    return float(tab.eval_on_selector(selector, script))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_light_and_dark(open_page: Any, page: str, scheme: str) -> None:
    tab = open_page(page, scheme)
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    for selector in ("h1", ".note", "#utterances del", "#utterances ins", ".sub ins", "footer"):
        assert contrast(tab, selector) >= 4.5, selector


def test_words_keep_their_own_direction_and_recordings_play(open_page: Any, page: str) -> None:
    tab = open_page(page)
    direction = "cells => cells.map(c => getComputedStyle(c).direction)"
    row = "#utterances tr:has(th:has-text('u2')) .text"
    assert tab.eval_on_selector_all(row, direction) == ["rtl"]
    assert tab.locator("audio").count() == 1
    played = tab.eval_on_selector(
        "audio", "a => new Promise(done => {a.onloadeddata = () => done(a.duration); a.load()})"
    )
    assert played == pytest.approx(0.1, abs=0.02)


def test_a_narrow_window_scrolls_tables_and_not_the_page(open_page: Any, page: str) -> None:
    tab = open_page(page)
    tab.set_viewport_size({"width": 360, "height": 700})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_comparison_works_in_a_browser(open_page: Any) -> None:
    comparison = compare(["a x", "c", "d"], ["a b", "x", "d"], ["a b", "c", "d"])
    tab = open_page(render_comparison(comparison), "dark")
    tab.fill("#least", "1")
    assert shown_ids(tab) == ["1", "2"]
