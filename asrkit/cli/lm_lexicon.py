"""``asrkit lm lexicon``: how the words of a language model are said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asrkit.cli.lm import Json, ModelPath, Quiet, keep_sources, lm_app, remark
from asrkit.cli.showing import show
from asrkit.errors import LexiconError

if TYPE_CHECKING:
    from asrkit.text import Lexicon

_SHOWN = 8


@lm_app.command(epilog="Example: asrkit lm lexicon lm/3gram.bin --lexicon cmudict.dict -o lexicon.txt")
def lexicon(
    model: ModelPath,
    lexicon: Annotated[
        Path, typer.Option(help="How words are said: CMUdict's format, or lines of a word, a tab and its symbols.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The new lexicon.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a lexicon of a language model's words; those that LEXICON lacks are said as its own words are.

    A network that writes phonemes hears no words but those of its lexicon. A word is looked up as it is written, then
    without regard to case. Labels stay as they are, but for ARPAbet, which loses case and stress (AH0: ah).
    """
    from asrkit.language_model import NgramModel
    from asrkit.text import Lexicon
    from asrkit.writing import write_whole

    keep_sources(output, model, lexicon)
    words = [word for word in NgramModel.load(model).vocabulary if not word.startswith("<")]
    written, guessed, left_out = _say(words, Lexicon.read(lexicon))
    if not written.lines:
        named = f"such as {words[0]!r}: give a lexicon of its language" if words else "as it has none"
        raise LexiconError(f"none of the words of {model} can be said, {named}", path=lexicon)
    write_whole(output, written.written())
    counts = {
        "words": len(written.pronunciations),
        "pronunciations": len(written.lines),
        "guessed": len(guessed),
        "left_out": len(left_out),
        "output": str(output),
    }
    if as_json:
        show(json.dumps(counts), exact=True)
        return
    show(f"{output}: {counts['words']:,} words, {counts['pronunciations']:,} ways to say them")
    for what, found in (
        ("are not in the lexicon; how they are said is guessed", guessed),
        ("have letters that the lexicon never uses, and are left out", left_out),
    ):
        if found:
            named = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
            remark(f"{len(found):,} words {what}: {named}", quiet)


def _say(words: list[str], lexicon: Lexicon) -> tuple[Lexicon, list[str], list[str]]:
    """Return how words are said, those of them that are guessed, and those with letters that the lexicon never uses."""
    from asrkit.pronunciation import complete_lexicon

    known = lexicon.plain_labels()
    own = known.pronunciations
    missing = [word for word in words if word not in own]
    completed = complete_lexicon(known.plain(), map(str.lower, missing))
    others, guessed, left_out = completed.lexicon.pronunciations, set(completed.guessed), set(completed.left_out)
    lines = ((word, way) for word in words for way in own.get(word) or others.get(word.lower(), ()))
    return (
        replace(lexicon, lines=tuple(lines)),
        [word for word in missing if word.lower() in guessed],
        [word for word in missing if word.lower() in left_out],
    )
