"""The HTML report: one file, safe, and without any network."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from report_pages import EVIL, data_of, outline

from asrkit.metrics.comparison import compare
from asrkit.metrics.details import find_details
from asrkit.metrics.scoring import ScoreReport, score
from asrkit.report.html import render_comparison, render_score
from asrkit.report.html.audio import Players


def test_the_page_is_one_file_without_any_network(page: str) -> None:
    parsed = outline(page)
    names = [tag for tag, _ in parsed.tags]
    assert names.count("script") == 2
    assert "iframe" not in names
    links = [a.get("src") or a.get("href") for _, a in parsed.tags if a.get("src") or a.get("href")]
    assert links == ["data:,"]
    assert data_of(page)["sources"] == ["u0%20%231.wav", None, None, None, None, None]
    policy = next(a["content"] for tag, a in parsed.tags if tag == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_text_stays_text(page: str) -> None:
    parsed = outline(page)
    assert "alert(1)</script>" not in page
    assert not [a for _, a in parsed.tags if "onerror" in a]
    assert "\u202e" not in page
    assert data_of(page)["written"]["5"] == EVIL.strip()  # and nothing of it is lost


def test_half_a_surrogate_pair_and_odd_columns_do_not_spoil_the_page(tmp_path: Path) -> None:
    row = '{"id": "u", "text": "a\\ud800b", "duration": NaN, "channel": NaN, "words": [{"word": "x", "start_s": NaN}]}'
    (tmp_path / "ref.jsonl").write_text(row.replace('"words"', '"other"'))
    (tmp_path / "hyp.jsonl").write_text(row.replace("a\\ud800b", "x"))
    report = score(tmp_path / "hyp.jsonl", tmp_path / "ref.jsonl")
    page = render_score(report, find_details(report))
    page.encode("utf-8")
    data = json.loads(re.findall('id="data">(.*?)</script>', page, re.DOTALL)[0], parse_constant=pytest.fail)
    assert data["systems"][0]["words"] == {"0": ",,"}


def test_only_recordings_are_linked_or_embedded(report: ScoreReport, tmp_path: Path) -> None:
    linked = Players(tmp_path / "deeper", (tmp_path,))
    found = [linked.find([report], i) for i in range(4)]
    assert [recording and recording.source for recording in found] == ["../u0%20%231.wav", None, None, None]
    assert [recording and recording.path for recording in found] == ["../u0 #1.wav", "none.wav", "secret.txt", None]
    embedded = Players(tmp_path, (tmp_path,), embed=True).find([report], 0)
    assert embedded is not None
    assert embedded.source is not None
    assert embedded.source.startswith("data:audio/wav;base64,UklGR")
    assert (embedded.path, embedded.is_linked) == ("u0 #1.wav", False)


def test_a_recording_that_only_the_second_system_names_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    reports = []
    for name, row in (("one", {}), ("two", {"audio": "a.wav"})):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"id": "a", "text": "x", **row}))
        (tmp_path / "ref.jsonl").write_text(json.dumps({"id": "a", "text": "x"}))
        reports.append(score(tmp_path / f"{name}.jsonl", tmp_path / "ref.jsonl"))
    recording = Players(tmp_path, (tmp_path,)).find(reports, 0)
    assert recording is not None
    assert recording.source == "a.wav"


def test_the_groups_of_the_page_are_those_of_the_tables(page: str) -> None:
    groups = data_of(page)["groups"]
    assert groups["speaker"]["s3"] == [3]
    assert groups["length"]["1 to 5 words"] == [0, 1, 2, 3, 4]
    assert sorted(i for members in groups["duration"].values() for i in members) == list(range(6))


def test_two_systems_stand_side_by_side(tmp_path: Path) -> None:
    page = render_comparison(compare(["a x", "c"], ["a b", "x"], ["a b", "c"]))
    outline(page)
    assert "A right, B wrong" in page
    assert "Utterances by who errs less" in page
    assert "Both systems make the same number of errors." in page
