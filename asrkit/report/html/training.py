"""The page of a training run: curves, the same dev sentences over the epochs, settings and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asrkit.config import RunConfig
from asrkit.metrics import align
from asrkit.report.html.charts import Line, line_chart
from asrkit.report.html.document import document
from asrkit.report.html.markup import alignment, section, table, tag, text
from asrkit.report.learning_curve import best_row
from asrkit.report.tables import ReportTable

_MOST_STAGES = 8
_TABLES = ("data", "features", "model", "training")  # the others are for transcribing and scoring
Row = Mapping[str, Any]


def render_training(history: Sequence[Row], card: Mapping[str, Any], left_out: Sequence[Sequence[str]] = ()) -> str:
    """Return a run as one HTML document.

    ``history`` are the rows of ``log.jsonl``, at least one; ``card`` is that of the run's bundle; ``left_out`` has id
    and reason.
    """
    best = best_row(history)
    title = f"{card.get('name', 'run')}: dev WER {best['dev_wer']:.1f} %"
    hours = sum(row["seconds"] for row in history) / 3600
    summary = (
        f"Best epoch {best['epoch']} of {len(history)}: WER {best['dev_wer']:.2f} %, CER {best['dev_cer']:.2f} % on "
        f"the dev set, greedy. {hours:.2f} hours of training."
    )
    parts = [
        tag("p", text(summary)),
        section("Curves", tag("div", _charts(history, best["epoch"]), class_="charts")),
        section("What it hears", _sentences(history, best["epoch"])),
        section("Epochs", table(_epochs(history))),
        section("Data", table(_pairs("Data", _flat(card.get("data", {}))))),
        *(
            [section("Left out", table(ReportTable("Left out", ["utterance", "reason"], [[*row] for row in left_out])))]
            if left_out
            else []
        ),
        section("Settings", table(_settings(card.get("training", {})))),
        tag("footer", text(_versions(card))),
    ]
    return document(title, "".join(parts))


def _charts(history: Sequence[Row], best: int) -> str:
    def line(name: str, kind: str, column: str, factor: float = 1.0) -> Line:
        return Line(name, kind, tuple(factor * row[column] for row in history))

    losses = [line("training", "one", "loss"), line("dev", "two", "dev_loss")]
    rates = [line("WER", "one", "dev_wer"), line("CER", "two", "dev_cer")]
    return "".join(
        [
            line_chart("Dev error rate", rates, unit="%", mark=best),
            line_chart("CTC loss", losses, unit="nats an utterance", logarithmic=True, mark=best),
            line_chart("Blank rate on dev", [line("blanks", "one", "blank_rate", 100.0)], unit="%"),
            line_chart("Learning rate", [line("rate", "one", "learning_rate")]),
            line_chart("Speed", [line("speed", "one", "audio_per_second")], unit="seconds of audio a second"),
        ]
    )


def _sentences(history: Sequence[Row], best: int) -> str:
    """Return a table for each dev sentence: what was said, and what was heard as the run went on."""
    stages = _stages(len(history), best)
    tables = []
    for place, sample in enumerate(history[-1].get("samples", [])):
        rows = [_stage_row("said", tag("bdi", text(sample["reference"])))]
        for epoch in stages:
            samples = history[epoch - 1].get("samples", [])
            if place < len(samples) and samples[place]["id"] == sample["id"]:
                heard = align(samples[place]["hypothesis"].split(), sample["reference"].split())
                rows.append(_stage_row(f"epoch {epoch}{' (best)' if epoch == best else ''}", alignment(heard)))
        caption = tag("caption", tag("bdi", text(sample["id"])))
        tables.append(tag("div", tag("table", caption + tag("tbody", "".join(rows))), class_="wide"))
    return "".join(tables) or tag("p", "No samples were kept (training.dev_samples = 0).", class_="note")


def _stage_row(name: str, content: str) -> str:
    return tag("tr", tag("th", text(name), scope="row") + tag("td", content))


def _stages(count: int, best: int) -> list[int]:
    """Return epochs to show: the first, the last, the best, and some between, closer together at the beginning."""
    spread = {round(count ** (step / (_MOST_STAGES - 2))) for step in range(_MOST_STAGES - 1)}
    return sorted({*spread, best, count})


def _epochs(history: Sequence[Row]) -> ReportTable:
    columns = ["epoch", "loss", "dev loss", "WER %", "CER %", "blank %", "learning rate", "seconds", "audio s/s"]
    rows = [
        [
            str(row["epoch"]),
            f"{row['loss']:.2f}",
            f"{row['dev_loss']:.2f}",
            f"{row['dev_wer']:.2f}",
            f"{row['dev_cer']:.2f}",
            f"{100 * row['blank_rate']:.1f}",
            f"{row['learning_rate']:.2e}",
            f"{row['seconds']:.0f}",
            f"{row['audio_per_second']:.0f}",
        ]
        for row in history
    ]
    return ReportTable("Epochs", columns, rows, frozenset(range(len(columns))))


def _settings(settings: Mapping[str, Any]) -> ReportTable:
    """Return all settings, and the default of those that differ from it."""
    defaults = dict(_flat(RunConfig().to_dict()))
    rows = [
        [name, value, defaults.get(name, "") if defaults.get(name) != value else ""]
        for name, value in _flat({name: settings[name] for name in _TABLES if name in settings})
    ]
    return ReportTable("Settings", ["setting", "value", "default, where it differs"], rows)


def _pairs(title: str, pairs: Sequence[tuple[str, str]]) -> ReportTable:
    return ReportTable(title, ["what", "value"], [[name.replace("_", " "), value] for name, value in pairs])


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as dotted names and words."""
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
            for number, item in enumerate(value, 1):
                pairs += _flat(item, f"{prefix}{name}.{number}.")
        else:
            pairs.append((f"{prefix}{name}", _word(value)))
    return pairs


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "not set" if value is None else str(value)


def _versions(card: Mapping[str, Any]) -> str:
    versions = " ".join(f"{name} {version}" for name, version in card.get("versions", {}).items())
    return f"{versions}; data {card.get('data_fingerprint', 'unknown')}; {card.get('created', '')}"
