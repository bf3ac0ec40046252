"""``asrkit lm``: build, inspect and tune n-gram language models."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from asrkit.cli.app import app
from asrkit.errors import ConfigError

if TYPE_CHECKING:
    from asrkit.language_model import BuildReport, TextReport

lm_app = typer.Typer(
    name="lm", help="Build, inspect and tune n-gram language models.", no_args_is_help=True, rich_markup_mode="rich"
)
app.add_typer(lm_app, rich_help_panel="Language models")

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks on stderr.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Raw = Annotated[bool, typer.Option("--raw", help="Take the text as it is, without normalizing it.")]

Progress = Callable[[float], None]


class _NumberListCommand(TyperCommand):
    """Takes ``--prune 0 0 1`` as one option: the numbers after it belong to it."""

    number_lists = ("--prune", "--weights")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        joined: list[str] = []
        for argument in args:
            in_list = len(joined) >= 2 and joined[-2] in self.number_lists and joined[-1] not in self.number_lists
            if in_list and _is_number(argument) and all(map(_is_number, joined[-1].split())):
                joined[-1] += f" {argument}"
            else:
                joined.append(argument)
        return super().parse_args(ctx, joined)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _integers(text: str | None, option: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in (text or "").replace(",", " ").split())
    except ValueError:
        raise ConfigError(f"{option} takes whole numbers such as 0 0 1, not {text!r}") from None


@contextmanager
def _progress_bars(quiet: bool) -> Iterator[Callable[[str], Progress]]:
    """Show bars on stderr while a person looks at it; hands out a function from a title to a new bar's update."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bars:

        def add(title: str) -> Callable[[float], None]:
            task = bars.add_task(title, total=1.0)
            return lambda share: bars.update(task, completed=share)

        yield add


def _remark(text: str, quiet: bool) -> None:
    if not quiet:
        typer.echo(text, err=True)


@lm_app.command(
    cls=_NumberListCommand,
    epilog="Example: asrkit lm build transcripts.txt novels.txt.xz -o lm/3gram.arpa --order 3 --prune 0 0 1",
)
def build(
    texts: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT...",
            help="Sentences, one a line: files (also .gz .xz .bz2 .zst), manifests, corpus folders, - for stdin.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model: .arpa, .arpa.gz, .arpa.xz, .arpa.bz2.")],
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
    alphabet: Annotated[str | None, typer.Option(help="Refuse words with other characters than these.")] = None,
    memory_mb: Annotated[int, typer.Option(help="Memory for sorting; what does not fit goes to the disk.")] = 512,
    raw: Raw = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Estimate a model from text: interpolated modified Kneser-Ney, equal to KenLM's lmplz."""
    from asrkit.language_model import TextSource, build_ngram, read_word_list
    from asrkit.text.normalizer import normalize

    prune_counts = _integers(prune, "--prune")
    vocabulary = None if vocab is None else read_word_list(vocab)
    with _progress_bars(quiet) as bar:
        reading = bar("reading")
        source = TextSource(
            texts,
            normalize=None if raw else normalize,
            alphabet=alphabet,
            progress=lambda done, total: reading(done / total),
        )
        report = build_ngram(
            source,
            output,
            order=order,
            prune=prune_counts,
            vocabulary=vocabulary,
            max_vocabulary=max_vocab,
            discount_fallback=discount_fallback,
            memory_mb=memory_mb,
            progress=bar("writing"),
        )
    if not raw:
        _remark(_describe_normalization(source.report), quiet)
    _remark_on_words(report.vocabulary, vocabulary, quiet)
    typer.echo(_build_json(report, source.report) if as_json else _describe_build(report))


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
    from asrkit.text.alphabet import DEFAULT_SYMBOLS

    spellable = set(DEFAULT_SYMBOLS)
    odd = [word for word in words if not spellable.issuperset(word)]
    if odd:
        examples = ", ".join(map(repr, odd[:5]))
        _remark(
            f"{len(odd):,} words have characters outside a-z and the apostrophe, such as {examples}; a speech model "
            "with the default alphabet never writes them",
            quiet,
        )
    missing = len(set(wanted or ()) - set(words))
    if missing:
        _remark(f"{missing:,} words of the vocabulary do not occur in the text and are not in the model", quiet)
