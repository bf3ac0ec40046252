"""``asrkit model import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asrkit.cli.model import model_app
from asrkit.cli.showing import show

_WHAT = "What the model's files do not tell"


@model_app.command(
    "import",
    epilog="Example: asrkit model import model.onnx --tokens tokens.txt --front-end nemo80 -o models/parakeet",
)
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
    tokens: Annotated[
        Path | None,
        typer.Option(help="Labels of the outputs: tokens.txt, vocab.json, a label a line.", rich_help_panel=_WHAT),
    ] = None,
    front_end: Annotated[
        str | None,
        typer.Option(
            help="How it hears: waveform, wav2vec2, nemo80, nemo128, kaldi, wenet, funasr, wav2vec2-bert, asrkit.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="What differs there, as in snip_edges=true.", rich_help_panel=_WHAT),
    ] = None,
    cmvn: Annotated[
        Path | None,
        typer.Option(help="Mean and deviation of the features: global_cmvn, am.mvn.", rich_help_panel=_WHAT),
    ] = None,
    blank: Annotated[
        int | None, typer.Option(min=0, help="The output that is the CTC blank, from 0.", rich_help_panel=_WHAT)
    ] = None,
    words: Annotated[
        str | None,
        typer.Option(help="How labels show words: space, |, ▁, ##, Ġ, @@, </w> or none.", rich_help_panel=_WHAT),
    ] = None,
    constant: Annotated[
        list[str] | None,
        typer.Option(help="An input that no sound decides, as language=0.", rich_help_panel=_WHAT),
    ] = None,
    drop_steps: Annotated[
        int | None,
        typer.Option(min=0, help="Steps at the start that carry tags and no text.", rich_help_panel=_WHAT),
    ] = None,
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
    from asrkit.errors import ConfigError, MissingPathError
    from asrkit.language_model import NgramModel
    from asrkit.model.hub import PREFIX, fetch_model
    from asrkit.model.importing import Wishes, import_model
    from asrkit.model.sources import read_cmvn
    from asrkit.report.model_card import model_table
    from asrkit.text import WordRule

    def say(text: str) -> None:
        show(text, err=True)

    if front_end is None and (setting or cmvn):
        raise ConfigError("--set and --cmvn say how a front end differs; name it with --front-end")
    settings: dict[str, Any] = {}
    for assignment in setting or ():
        settings |= parse_assignment(assignment)
    if cmvn is not None:
        settings["mean"], settings["deviation"] = map(list, read_cmvn(cmvn))
    if words is not None:
        one_of("words", words, tuple(WordRule))
    if lm is not None:
        if not lm.is_file():
            raise MissingPathError("no such language model", path=lm)
        NgramModel.load(lm)
    wishes = Wishes(
        tokens=tokens,
        front_end=None if front_end is None else front_end_named(front_end, settings),
        blank=blank,
        words=None if words is None else WordRule(words),
        constants=_constants(constant) if constant else None,
        drop_steps=drop_steps,
        lm=lm,
        lexicon=lexicon,
        name=name,
        language=language,
        longest_s=longest_s,
    )
    path, card = Path(source), dict[str, Any]()
    if source.startswith(PREFIX):
        path, card = fetch_model(source, tell=say)
    output = output or Path("models") / (name or path.resolve().with_suffix("").name)
    bundle = import_model(path, output, wishes, card=card, tell=say)
    show(output, exact=True)
    Console(stderr=True).print(model_table(bundle))


def _constants(assignments: list[str]) -> dict[str, int]:
    from asrkit.config import GraphConfig

    return GraphConfig(constants=tuple(assignments)).constant_values
