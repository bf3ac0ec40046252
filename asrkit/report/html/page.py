"""The page: rates, charts, tables that lead to utterances, and all utterances to search, hear and correct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from asrkit.metrics.breakdown import GroupScore, break_down
from asrkit.metrics.comparison import Comparison
from asrkit.metrics.counts import ErrorCounts
from asrkit.metrics.details import Details
from asrkit.metrics.groups import FieldScore
from asrkit.metrics.ranking import Ranking, system_name
from asrkit.metrics.scoring import ScoreReport
from asrkit.report import wording
from asrkit.report.html.audio import Players
from asrkit.report.html.charts import Bar, bar_chart
from asrkit.report.html.document import document
from asrkit.report.html.listing import Groups, list_utterances
from asrkit.report.html.markup import section, table, tag, text
from asrkit.report.queries import ANY, confused, in_group, in_range
from asrkit.report.tables import ReportTable, detail_tables, field_table, rate_table
from asrkit.report.verdicts import comparison_table, group_changes, ranking_tables, verdict, word_changes

if TYPE_CHECKING:
    from asrkit.metrics.blame import Blame

_MOST_ROWS = 200
_MOST_BARS = 8
_RATES = (0, 10, 20, 30, 50, 100)  # percent; each bar reaches up to the next
_GAINS = (1, 2, 3, 5)  # errors fewer
_KINDS = {"sub": "substitutions", "del": "deletions", "ins": "insertions"}  # of errors, by the class of their color


def render_score(
    report: ScoreReport, details: Details, players: Players | None = None, *, fields: Sequence[FieldScore] = ()
) -> str:
    """Return a score, with its tables and recordings, and the columns asked for, as one HTML document."""
    breakdown = details.breakdown
    groups = {"speaker": breakdown.speakers, "length": breakdown.lengths, "duration": breakdown.durations}
    groups |= {field.field: field.groups for field in fields}
    return _workbench(
        f"WER {wording.percent(report.word_error_rate)}",
        [report],
        [rate_table(report)],
        wording.remarks(report),
        [_type_chart([report]), _rate_chart(report), *(_group_chart(name, [some]) for name, some in groups.items())],
        [
            *(field_table(field, report, most_rows=_MOST_ROWS) for field in fields),
            *detail_tables(details, most_rows=_MOST_ROWS),
        ],
        {
            **_members({**groups, **breakdown.kinds}),
            "better-in": {f"{oracle.depth}": oracle.better for oracle in details.oracles if oracle.better},
        },
        players,
        details.blame,
    )


def _members(groups: Mapping[str, Sequence[GroupScore]]) -> Groups:
    return {column: {group.name: group.members for group in some} for column, some in groups.items()}


def render_comparison(comparison: Comparison, players: Players | None = None) -> str:
    """Return two systems side by side as one HTML document; the arguments are those of :func:`render_score`."""
    reports = [comparison.a, comparison.b]
    rates = [f"{system_name(i)} {wording.percent(report.word_error_rate)}" for i, report in enumerate(reports)]
    lines = verdict(comparison)
    return _comparison_page(f"WER: {', '.join(rates)}", reports, [comparison_table(comparison)], lines, players)


def render_ranking(ranking: Ranking, players: Players | None = None) -> str:
    """Return several systems side by side as one HTML document; the arguments are those of :func:`render_score`."""
    best = wording.percent(ranking.reports[ranking.order[0]].word_error_rate)
    title = f"WER of {len(ranking.reports)} systems, best {system_name(ranking.order[0])} {best}"
    return _comparison_page(title, ranking.reports, ranking_tables(ranking), [], players)


def _comparison_page(
    title: str, reports: list[ScoreReport], tables: list[ReportTable], lines: list[str], players: Players | None
) -> str:
    breakdowns = [break_down(report) for report in reports]
    by_system = {
        "speaker": [breakdown.speakers for breakdown in breakdowns],
        "length": [breakdown.lengths for breakdown in breakdowns],
        "duration": [breakdown.durations for breakdown in breakdowns],
    }
    charts = [_type_chart(reports), *([_gap_chart(reports)] if len(reports) == 2 else [])]
    charts += [_group_chart(name, some) for name, some in by_system.items()]
    evidence = [word_changes(breakdowns, most_rows=_MOST_ROWS)]
    evidence += [group_changes(name, some, most_rows=_MOST_ROWS) for name, some in by_system.items() if some[0]]
    groups = _members({name: some[0] for name, some in by_system.items()})
    return _workbench(title, reports, tables, lines, charts, evidence, groups, players)


def _workbench(
    title: str,
    reports: Sequence[ScoreReport],
    tables: Sequence[ReportTable],
    lines: Sequence[str],
    charts: Sequence[str],
    evidence: Sequence[ReportTable],
    groups: Groups,
    players: Players | None,
    blame: Blame | None = None,
) -> str:
    """Return a page: rates and charts above, tables beside the list of utterances below."""
    rates = "".join(section(content.title, table(content, stacks=True)) for content in tables)
    rates += "".join(tag("p", text(line), class_="note") for line in lines)
    overview = tag("div", rates, class_="rates") + tag("div", "".join(charts[:2]))
    told = "".join(
        section(content.title, table(content, stacks=len(content.columns) > 6)) for content in evidence if content.rows
    )
    beside = tag("details", tag("summary", "Where the errors lie") + told, id="evidence", open="") if told else ""
    parts = [
        *(tag("p", text(line)) for line in dict.fromkeys(map(wording.describe_join, reports))),
        *(tag("p", text(line), class_="alarm") for line in wording.missing_lines(reports)),
        tag("div", overview + "".join(charts[2:]), class_="summary"),
        tag("div", beside + _bench(reports, blame is not None), class_="work"),
        tag("footer", tag("code", text(reports[0].signature()))),
        tag("script", list_utterances(reports, groups, players, blame), type="application/json", id="data"),
    ]
    return document(title, "".join(parts), scripts=("search", "rows", "bench"))


def _bars(counts: ErrorCounts) -> tuple[tuple[str, float], ...]:
    return tuple((kind, getattr(counts, name) / (counts.num_reference or 1)) for kind, name in _KINDS.items())


def _type_chart(reports: Sequence[ScoreReport]) -> str:
    bars = []
    for kind, label in _KINDS.items():
        said, heard = "" if kind == "ins" else ANY, "" if kind == "del" else ANY
        for place, report in enumerate(reports):
            name = system_name(place) if len(reports) > 1 else ""
            counts = report.normalized.words.total()
            number = getattr(counts, label)
            share = number / (counts.num_reference or 1)
            caption = f"{number:,} ({wording.percent(share)})"
            bars.append(Bar(f"{label} {name}".strip(), ((kind, share),), caption, confused(said, heard, name)))
    return bar_chart("Types of error", bars)


def _rate_chart(report: ScoreReport) -> str:
    """Return how many utterances have which WER."""
    words = report.normalized.words
    rates = 100 * words.errors / np.maximum(words.num_reference, 1)
    bars = [_share_bar("0 %", int((rates == 0).sum()), len(rates), "errors=0")]
    for low, high in pairwise((*_RATES, np.inf)):
        number = int(((rates > 0) & (rates >= low) & (rates < high)).sum())
        label = f"{low} % and more" if high == np.inf else f"{low} to {high} %" if low else f"under {high} %"
        query = f"errors>0 {in_range('wer', low, None if high == np.inf else high)}"
        bars.append(_share_bar(label, number, len(rates), query))
    return bar_chart("Utterances by their WER", bars)


def _gap_chart(reports: Sequence[ScoreReport]) -> str:
    """Return in how many utterances which of two systems makes so many errors fewer."""
    errors_a, errors_b = (report.normalized.words.errors for report in reports)
    bars = [_share_bar("as many errors", int((errors_a == errors_b).sum()), len(errors_a), "A.gain=0")]
    for name, gain in (("A", errors_b - errors_a), ("B", errors_a - errors_b)):
        some = []
        for low, high in pairwise((*_GAINS, np.inf)):
            number = int(((gain >= low) & (gain < high)).sum())
            label = f"{low} or more" if high == np.inf else f"{low}" if high == low + 1 else f"{low} to {high - 1}"
            query = in_range("gain", low, None if high == np.inf else high, name)
            some.append(_share_bar(f"{name} better by {label}", number, len(gain), query))
        bars = [*reversed(some), *bars] if name == "A" else [*bars, *some]
    return bar_chart("Utterances by who errs less", bars)


def _share_bar(label: str, number: int, total: int, query: str) -> Bar:
    share = number / (total or 1)
    return Bar(label, (("one", share),), f"{number:,} ({wording.percent(share, 1)})", query)


def _group_chart(name: str, by_system: Sequence[Sequence[GroupScore]]) -> str:
    """Return the WER of the groups of each system, in the order of the first."""
    bars = []
    for group in by_system[0][: _MOST_BARS if len(by_system) < 3 else _MOST_BARS // 2]:
        for place, some in enumerate(by_system):
            counts = next((other.counts for other in some if other.name == group.name), group.counts)
            if counts.num_reference:
                label = group.name if len(by_system) == 1 else f"{group.name} {system_name(place)}"
                bars.append(Bar(label, _bars(counts), wording.percent(counts.rate, 1), in_group(name, group.name)))
    return bar_chart(f"WER by {name}" + (", worst first" if name == "speaker" else ""), bars)


def _bench(reports: Sequence[ScoreReport], has_causes: bool) -> str:
    """Return the frame of the list of utterances, which the script fills."""
    names = [system_name(place) for place in range(len(reports))] if len(reports) > 1 else []
    shown = {"": "all utterances", "errors>0": "with errors", "errors>=3": "3 errors or more", "errors=0": "all right"}
    if names:
        shown = {"": "all utterances", "errors>0": "with errors"}
    for one in names:
        shown |= {f"{one}.errors=0 {other}.errors>0": f"{one} right, {other} wrong" for other in names if other != one}
    shown["is:corrected"] = "corrected here"
    orders = {
        **({"gap": "widest apart"} if names else {}),
        "errors": "most errors",
        "wer": "highest WER",
        "cer": "highest CER",
        "words": "longest",
        "id": "id",
        "": "as given",
    }
    search = tag(
        "label",
        '<input id="search" type="search" placeholder="word, id, said=&gt;heard" autocomplete="off" '
        'spellcheck="false" aria-label="Search">',
        class_="search",
    )
    tools = "".join(
        tag("button", label, type="button", id=name, title=title)
        for name, label, title in (
            ("turn", "&#8645;", "Turn the order round"),
            ("save-manifest", "Save manifest", "The utterances shown, with your corrections, as JSON lines"),
            ("save-csv", "Save CSV", "The utterances shown as a table"),
        )
    )
    earlier = {"type": "button", "id": "earlier", "aria_label": "earlier page"}
    later = {"type": "button", "id": "later", "aria_label": "later page"}
    pages = {"id": "pages", "hidden": ""}
    filters = (
        search
        + _choice("which", "Show", shown)
        + _choice("order", "Order", orders)
        + tag("label", '<input id="written" type="checkbox"> as written')
        + tools
        + tag("output", "", id="shown", aria_live="polite")
        + tag(
            "span",
            tag("button", "&lt;", **earlier) + tag("span", "", id="span") + tag("button", "&gt;", **later),
            **pages,
        )
    )
    content = tag("form", filters, class_="filters", role="search") + _legend(names, has_causes)
    content += tag("noscript", tag("p", "The list of utterances needs JavaScript.", class_="alarm"))
    content += tag("div", "", id="list", role="feed", aria_label="utterances")
    player = tag("span", "", id="playing") + tag("audio", "", controls="", preload="none", aria_label="player")
    return section("Utterances", content, id="bench") + tag("div", player, id="player", hidden="")


def _choice(name: str, label: str, options: dict[str, str]) -> str:
    choices = "".join(tag("option", text(words), value=value) for value, words in options.items())
    return tag("label", f"{label} " + tag("select", choices, id=name))


def _legend(names: Sequence[str], has_causes: bool) -> str:
    said, heard = tag("del", "said"), tag("ins", "heard")
    shown = [
        tag("span", said + heard, class_="sub") + " taken for another word",
        said + " left out",
        heard + " inserted",
        tag("span", "word", class_="doubt", style="--doubt:70%") + " the recognizer doubts it",
        "a word with a time plays when it is clicked",
        *(["what stands after an error is its cause"] if has_causes else []),
    ]
    terms = [
        ("two words", "both stand there, in texts, id or speaker"),
        ('"new york"', "a phrase"),
        ("/colou?r/", "a regular expression"),
        ("cat=>bat", "cat was taken for bat; cat=> was left out, =>bat inserted, *=>bat anything"),
        ("said:cat heard:cat missed:cat", "stands in the reference, in the hypothesis, or was not recognized"),
        ("speaker:s1 length:… duration:…", "a group, as the tables have them"),
        ("errors>=3 wer<50 cer>10 words>20 seconds<=5", "numbers"),
        *(
            [("B.errors>0 B.gain>2 A.missed:cat", "of one system; gain is how many errors fewer than the others")]
            if names
            else []
        ),
        ("-speaker:s1", "not"),
    ]
    rows = "".join(tag("tr", tag("td", tag("code", text(term))) + tag("td", text(what))) for term, what in terms)
    keys = "Keys: / search; ↓ ↑ or j k next and previous; ← → words; p play; w as written; e correct."
    help_ = tag("details", tag("summary", "How to search, and keys") + tag("table", rows) + tag("p", text(keys)))
    return tag("div", "".join(tag("span", item) for item in shown) + help_, class_="legend")
