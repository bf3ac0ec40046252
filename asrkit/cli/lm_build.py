"""``asrkit lm build``: text to model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asrkit.cli.bars import Bars
from asrkit.cli.lm import (
    ArpaOutput,
    Json,
    NumberListCommand,
    Quiet,
    Raw,
    Texts,
    lm_app,
    numbers_of,
    remark,
)
from asrkit.cli.showing import show
from asrkit.errors import ConfigError

if TYPE_CHECKING:
    from asrkit.language_model import BuildReport, TextReport


@lm_app.command(
    cls=NumberListCommand,
    epilog="Example: asrkit lm build transcripts.txt novels.txt.xz -o lm/3gram.arpa --order 3 --prune 0 0 1",
)
def build(
    texts: Texts,
    output: ArpaOutput,
    order: Annotated[int, typer.Option(help="Length of the longest n-grams, 1 to 6.")] = 3,
    prune: Annotated[
        str | None,
        typer.Option(
            metavar="N N ...", help="For order 1, 2, ...: drop n-grams seen so often or less. The first must be 0."
        ),
    ] = None,
    vocab: Annotated[Path | None, typer.Option(help="Keep only the words of this file.")] = None,
    max_vocab: Annotated[int | None, typer.Option(help="Keep only so many most frequent words.")] = None,
    discount_fallback: Annotated[
        bool, typer.Option("--discount-fallback", help="Fixed discounts where the text is too small to give its own.")
    ] = False,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Normalize as the texts of this model bundle were.")
    ] = None,
    alphabet: Annotated[str | None, typer.Option(help="Refuse words with other characters than these.")] = None,
    memory_mb: Annotated[int, typer.Option(help="Memory for sorting; what does not fit goes to the disk.")] = 512,
    raw: Raw = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Estimate a model from text: interpolated modified Kneser-Ney, equal to KenLM's lmplz."""
    from asrkit.cli.settings import named_model
    from asrkit.language_model import TextSource, build_ngram, read_word_list
    from asrkit.model.bundle import Bundle
    from asrkit.text.normalizer import get_normalizer

    prune_counts = numbers_of(prune, "--prune")
    if any(count != int(count) for count in prune_counts):
        raise ConfigError(f"--prune takes whole numbers such as 0 0 1, not {prune!r}")
    vocabulary = None if vocab is None else read_word_list(vocab)
    bundle = None if model is None else Bundle.load(named_model(model, "--model"))
    normalizer = get_normalizer("standard") if bundle is None else bundle.text_normalizer
    with Bars("shares", quiet) as bars:
        source = TextSource(
            texts,
            normalizer=None if raw else normalizer,
            alphabet=alphabet,
            progress=partial(bars.update, "reading"),
        )
        report = build_ngram(
            source,
            output,
            order=order,
            prune=[int(count) for count in prune_counts],
            vocabulary=vocabulary,
            max_vocabulary=max_vocab,
            discount_fallback=discount_fallback,
            memory_mb=memory_mb,
            progress=bars.share("writing"),
        )
    if not raw:
        remark(_describe_normalization(source.report), quiet)
    _remark_on_words(report.vocabulary, vocabulary, quiet)
    show(_build_json(report, source.report) if as_json else _describe_build(report), exact=as_json)


def _describe_build(report: BuildReport) -> str:
    counts = " / ".join(f"{count:,}" for count in report.ngrams)
    size_mb = report.path.stat().st_size / 1e6
    return (
        f"{report.path}: order {len(report.ngrams)}, {counts} n-grams, {size_mb:,.1f} MB, from {report.sentences:,} "
        f"sentences with {report.words:,} words ({len(report.vocabulary):,} distinct)"
    )


def _build_json(report: BuildReport, text: TextReport) -> str:
    return json.dumps(
        {
            "path": str(report.path),
            "order": len(report.ngrams),
            "ngrams": report.ngrams,
            "discounts": report.discounts,
            "sentences": report.sentences,
            "words": report.words,
            "distinct_words": len(report.vocabulary),
            "lines": text.lines,
            "lines_changed": text.changed,
        }
    )


def _describe_normalization(report: TextReport) -> str:
    if not report.changed:
        return f"normalized {report.lines:,} lines: nothing to change"
    lines = [f"normalized {report.lines:,} lines: {report.changed:,} changed, {report.emptied:,} left without a word"]
    if report.lost:
        lost = ", ".join(f"{character!r} {count:,}" for character, count in report.lost.most_common(12))
        lines.append(f"  characters replaced or removed: {lost}")
    lines += [f"  {before!r} -> {after!r}" for before, after in (_around_change(*pair) for pair in report.examples)]
    return "\n".join(lines)


def _around_change(before: str, after: str, width: int = 50) -> tuple[str, str]:
    """Cut two texts to the words where they begin to differ."""
    same = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    start = before.rfind(" ", 0, max(0, same - width // 3)) + 1
    return before[start : start + width], after[start : start + width]


def _remark_on_words(words: Sequence[str], wanted: Sequence[str] | None, quiet: bool) -> None:
    from asrkit.text import Alphabet

    spellable = set(Alphabet().symbols)
    odd = [word for word in words if not spellable.issuperset(word)]
    if odd:
        examples = ", ".join(map(repr, odd[:5]))
        remark(
            f"{len(odd):,} words have characters outside a-z and the apostrophe, such as {examples}; a speech model "
            "with the default alphabet never writes them",
            quiet,
        )
    missing = len(set(wanted or ()) - set(words))
    if missing:
        remark(f"{missing:,} words of the vocabulary do not occur in the text and are not in the model", quiet)
