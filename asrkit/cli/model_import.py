"""``asrkit model import``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from asrkit.cli.groups import grouped
from asrkit.cli.model import model_app
from asrkit.cli.showing import show


@dataclass(frozen=True)
class Told:
    """What the model's files do not tell."""

    PANEL: ClassVar = "What the model's files do not tell"
    tokens: Annotated[
        Path | None, typer.Option(help="Labels of the outputs: tokens.txt, vocab.json, a label a line.")
    ] = None
    front_end: Annotated[
        str | None,
        typer.Option(
            help="How it hears: waveform, wav2vec2, nemo80, nemo128, kaldi, wenet, funasr, wav2vec2-bert, asrkit."
        ),
    ] = None
    setting: Annotated[list[str] | None, typer.Option("--set", help="What differs there, as in --set mel_bins=40.")] = (
        None
    )
    cmvn: Annotated[Path | None, typer.Option(help="Mean and deviation of the features: global_cmvn, am.mvn.")] = None
    blank: Annotated[int | None, typer.Option(min=0, help="The output that is the CTC blank, from 0.")] = None
    words: Annotated[str | None, typer.Option(help="How labels show words: space, |, ▁, ##, Ġ, @@, </w> or none.")] = (
        None
    )
    constant: Annotated[list[str] | None, typer.Option(help="An input that no sound decides, as language=0.")] = None
    drop_steps: Annotated[int | None, typer.Option(min=0, help="Steps at the start that carry tags and no text.")] = (
        None
    )


@model_app.command(
    "import",
    epilog="Example: asrkit model import model.onnx --tokens tokens.txt --front-end nemo80 -o models/parakeet",
)
@grouped
def import_command(
    source: Annotated[
        str,
        typer.Argument(
            help="An .onnx file; a folder of Hugging Face, onnx-asr, sherpa-onnx or WeNet with the graph in it; or "
            "hf:owner/name@revision."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the bundle; default: models/ and the name.")
    ] = None,
    *,
    told: Told,
    lm: Annotated[Path | None, typer.Option("--lm", help="A language model to come with the bundle.")] = None,
    lexicon: Annotated[
        Path | None,
        typer.Option(help="Lines [bold]word<TAB>labels[/] for outputs that are no letters, such as phonemes."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What to call it; default: as its source.")] = None,
    language: Annotated[str, typer.Option(help="Of its texts: a code such as de.")] = "en",
    longest_s: Annotated[
        float, typer.Option(min=5.0, help="The longest input to try; longer recordings are heard in windows.")
    ] = 120.0,
) -> None:
    """Make a bundle of a CTC model that was made elsewhere, after measuring what it really does.

    The graph is run, in a process with bounded memory and time, before it is trusted: its step, the kind of its
    numbers, what padding does to its answers, what it answers in silence. Nothing of the model runs code here.
    """
    from asrkit.cli.console import Console
    from asrkit.cli.settings import parse_assignment
    from asrkit.config import front_end_named
    from asrkit.config.settings import one_of
    from asrkit.errors import ConfigError
    from asrkit.language_model import NgramModel
    from asrkit.model.hub import PREFIX, fetch_model
    from asrkit.model.importing import Wishes, import_model
    from asrkit.model.sources import read_cmvn
    from asrkit.report.model_card import model_table
    from asrkit.text import WordRule

    if told.front_end is None and (told.setting or told.cmvn):
        raise ConfigError("--set and --cmvn say how a front end differs; name it with --front-end")
    settings: dict[str, Any] = {}
    for assignment in told.setting or ():
        settings |= parse_assignment(assignment)
    if told.cmvn is not None:
        settings["mean"], settings["deviation"] = map(list, read_cmvn(told.cmvn))
    if told.words is not None:
        one_of("words", told.words, tuple(WordRule))
    if lm is not None:
        NgramModel.load(lm)  # can be read
    wishes = Wishes(
        tokens=told.tokens,
        front_end=None if told.front_end is None else front_end_named(told.front_end, settings),
        blank=told.blank,
        words=None if told.words is None else WordRule(told.words),
        constants=_constants(told.constant) if told.constant else None,
        drop_steps=told.drop_steps,
        lm=lm,
        lexicon=lexicon,
        name=name,
        language=language,
        longest_s=longest_s,
    )
    path, card, tell = Path(source), dict[str, Any](), partial(show, err=True)
    if source.startswith(PREFIX):
        path, card = fetch_model(source, tell=tell)
    output = output or Path("models") / (name or path.resolve().with_suffix("").name)
    bundle = import_model(path, output, wishes, card=card, tell=tell)
    show(output, exact=True)
    Console(stderr=True).print(model_table(bundle))


def _constants(assignments: list[str]) -> dict[str, int]:
    from asrkit.config import GraphConfig

    return GraphConfig(constants=tuple(assignments)).constant_values
