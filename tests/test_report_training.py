"""The page of a run and its plan in words: what was planted in the log is what they show."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from report_pages import EVIL, outline

from asrkit.config import RunConfig
from asrkit.report.html import render_training
from asrkit.report.html.charts import Line, line_chart
from asrkit.report.learning_curve import best_row, draw_learning_curve
from asrkit.report.training_plan import spell_time


def history(wers: list[float], said: str = "the cat sat", heard: str = "the bat sat") -> list[dict[str, object]]:
    return [
        {
            "epoch": epoch,
            "loss": 80.0 / epoch,
            "dev_loss": 90.0 / epoch,
            "dev_wer": wer,
            "dev_cer": wer / 2,
            "blank_rate": 0.5,
            "seconds": 3600.0,
            "audio_per_second": 40.0,
            "learning_rate": 0.00025,
            "samples": [{"id": "u1", "reference": said, "hypothesis": heard if epoch < 3 else said}],
        }
        for epoch, wer in enumerate(wers, 1)
    ]


CARD = {
    "name": "mine",
    "data": {"train": "train.tsv", "train_hours": 1.5},
    "training": RunConfig.from_dict({"training": {"batch_size": 99}}).to_dict(),
    "versions": {"keras": "3.15"},
}


def test_the_page_shows_curves_sentences_settings_and_data():
    page = render_training(history([90.0, 50.0, 12.34, 20.0]), CARD)
    tags = outline(page).tags
    assert "Best epoch 3 of 4: WER 12.34 %, CER 6.17 %" in page
    assert "4.00 hours of training" in page
    assert [name for name, _ in tags].count("svg") == 5
    assert "<del><bdi>cat</bdi></del><ins><bdi>bat</bdi></ins>" in page, "epoch 1 has errors"
    assert "epoch 3 (best)" in page
    assert "<bdi>training.batch_size</bdi></td><td><bdi>99</bdi></td><td><bdi>16</bdi>" in page
    assert "<bdi>train hours</bdi></td><td><bdi>1.5</bdi>" in page
    assert "scoring." not in page


def test_the_page_loads_nothing_and_escapes_what_it_shows():
    page = render_training(history([50.0], EVIL, EVIL), {**CARD, "name": EVIL})
    tags = outline(page).tags
    assert not {"script", "img", "iframe"} & {name for name, _ in tags}
    assert "http" not in re.sub(r'http-equiv="[^"]*"', "", page)
    assert "\u202e" not in page


def test_a_chart_has_each_value_at_its_height():
    chart = line_chart("Loss", [Line("training", "one", (100.0, 50.0, 0.0))], mark=2)
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', chart)]
    assert heights[2] - heights[1] == pytest.approx(heights[1] - heights[0])
    assert heights[0] < heights[2], "up is more"
    assert "epoch 2: training 50" in chart
    assert "at the end: training 0" in chart
    logarithmic = line_chart("Loss", [Line("training", "one", (100.0, 10.0, 1.0))], logarithmic=True)
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', logarithmic)]
    assert heights[2] - heights[1] == pytest.approx(heights[1] - heights[0], abs=0.11)


@pytest.mark.parametrize("values", [(math.nan,), (), (None, math.inf)])
def test_a_chart_of_nothing_is_left_out(values):
    assert line_chart("Loss", [Line("training", "one", values)]) == ""


def test_a_missing_value_breaks_the_curve():
    chart = line_chart("Loss", [Line("training", "one", (3.0, 2.0, math.nan, 1.0, 0.5))])
    assert re.search(r'd="M[\d.,]+ L[\d.,]+ M[\d.,]+ L[\d.,]+"', chart)
    assert "epoch 5: training 0.5" in chart


@pytest.mark.parametrize(("seconds", "words"), [(5.4, "5 s"), (100, "2 min"), (5400, "1.5 h"), (360_000, "100.0 h")])
def test_times_are_in_the_unit_people_use(seconds, words):
    assert spell_time(seconds) == words


def test_drawing_leaves_the_backend_of_a_notebook_alone(tmp_path: Path) -> None:
    backend = mpl.get_backend()
    mpl.use("svg")
    try:
        draw_learning_curve(history([90.0, 50.0]), tmp_path / "curve.png")
        assert mpl.get_backend() == "svg"
    finally:
        mpl.use(backend)
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_list_of_fonts_that_lacks_matplotlibs_own_is_no_news(tmp_path: Path) -> None:
    from matplotlib import font_manager

    fonts = font_manager.FontManager()
    fonts.ttflist = [font for font in fonts.ttflist if font.name == "DejaVu Sans"]
    font_manager.json_dump(fonts, tmp_path / f"fontlist-v{font_manager.FontManager.__version__}.json")
    code = "import json, pathlib, sys; from asrkit.report.learning_curve import draw_learning_curve as draw; "
    code += "draw(json.loads(sys.argv[1]), pathlib.Path(sys.argv[2]))"
    command = [sys.executable, "-c", code, json.dumps(history([90.0, 50.0])), tmp_path / "curve.png"]
    environment = os.environ | {"MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "curve.png").stat().st_size > 1_000


def test_what_was_left_out_stands_in_the_page() -> None:
    page = render_training(history([50.0]), CARD, [["u7", f"too long {EVIL}"]])
    assert "Left out" in page
    assert "u7" in page
    assert EVIL not in page
    assert "Left out" not in render_training(history([50.0]), CARD)


def test_the_best_epoch_is_the_one_that_the_run_kept() -> None:
    rows = history([100.0, 96.0, 99.0])
    assert best_row(rows)["epoch"] == 2, "a log of before: the lowest WER"
    for row, is_best in zip(rows, (True, False, True), strict=True):  # while WER says nothing, CER or loss decide
        row["is_best"] = is_best
    assert best_row(rows)["epoch"] == 3
    assert "dev WER 99.0 %" in render_training(rows, CARD)
