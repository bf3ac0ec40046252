"""A score as Markdown, for pull requests, wikis and notebooks."""

from __future__ import annotations

from collections.abc import Sequence

from asrkit.metrics.alignment import Step
from asrkit.metrics.comparison import Comparison
from asrkit.metrics.details import Details
from asrkit.metrics.groups import FieldScore
from asrkit.metrics.ranking import Ranking
from asrkit.metrics.scoring import ScoreReport
from asrkit.report import wording
from asrkit.report.tables import ReportTable, detail_tables, field_table, rate_table
from asrkit.report.verdicts import comparison_table, ranking_tables, verdict

_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|#~&"})


def escape(text: str) -> str:
    """Return a text in which no character has a meaning in Markdown or HTML."""
    return wording.visible(text).translate(_SPECIAL)


def _table(content: ReportTable) -> str:
    rule = ["---:" if place in content.numeric else "---" for place in range(len(content.columns))]
    rows = [content.columns, *content.rows]
    lines = ["| " + " | ".join(escape(cell) for cell in row) + " |" for row in rows]
    lines.insert(1, "|" + "|".join(rule) + "|")
    return "\n".join(lines) + (f"\n\n{escape(content.note)}" if content.note else "")


def _alignment(steps: tuple[Step, ...]) -> str:
    """Write what was said struck out and what was recognized in bold."""
    words = []
    for step in steps:
        said = escape(step.reference or "")
        heard = escape(step.hypothesis or "")
        if step.kind == "hit":
            words.append(said)
        else:
            words += [f"~~{said}~~"] * bool(said) + [f"**{heard}**"] * bool(heard)
    return " ".join(words)


def score_to_markdown(
    report: ScoreReport, *, worst: int = 5, details: Details | None = None, fields: Sequence[FieldScore] = ()
) -> str:
    """Return a report with some of the worst utterances, and what else was asked for, as Markdown."""
    parts = [f"## WER {wording.percent(report.word_error_rate)}", escape(wording.describe_join(report))]
    parts += _missing([report])
    parts += [_table(rate_table(report)), *(escape(line) for line in wording.remarks(report))]
    if worst and report.worst:
        parts.append("### Worst utterances")
        parts.append("\n".join(_worst_line(report, index) for index in report.worst[:worst]))
    tables = [field_table(field, report) for field in fields]
    for table in [*tables, *(detail_tables(details) if details is not None else [])]:
        parts += [f"### {escape(table.title)}", _table(table)]
    parts.append(f"`{report.signature()}`")
    return "\n\n".join(parts) + "\n"


def _missing(reports: Sequence[ScoreReport]) -> list[str]:
    return [f"**{escape(line)}**" for line in wording.missing_lines(reports)]


def _worst_line(report: ScoreReport, index: int) -> str:
    counts = wording.describe_counts(report.normalized.words[index])
    return f"- {escape(report.pairs.ids[index])}, {counts}: {_alignment(report.align(index))}"


def ranking_to_markdown(ranking: Ranking) -> str:
    """Return several systems as Markdown."""
    best = ranking.reports[ranking.order[0]]
    parts = [f"## {len(ranking.reports)} systems, the best with WER {wording.percent(best.word_error_rate)}"]
    parts += [*_missing(ranking.reports), *map(_table, ranking_tables(ranking))]
    return "\n\n".join([*parts, f"`{best.signature()}`"]) + "\n"


def comparison_to_markdown(comparison: Comparison, *, worst: int = 0) -> str:
    """Return a comparison as Markdown, with the worst of the utterances in which B makes more errors than A."""
    regressions = comparison.regressions[:worst]
    parts = [
        f"## {escape(comparison.a.hypothesis_path or 'A')} against {escape(comparison.b.hypothesis_path or 'B')}",
        *_missing([comparison.a, comparison.b]),
        _table(comparison_table(comparison)),
        "\n".join(f"- {escape(line)}" for line in verdict(comparison)),
        *(["### Worst regressions"] if regressions else []),
        *(["\n".join(_worst_line(comparison.b, index) for index in regressions)] if regressions else []),
        f"`{comparison.a.signature()}`",
    ]
    return "\n\n".join(parts) + "\n"
