"""``asrkit lm lexicon``: how the words of a language model are said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from asrkit.cli.lm import Json, ModelPath, Quiet, lm_app, remark
from asrkit.cli.showing import show

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

    A network that writes phonemes hears no words but those of its lexicon.
    """
    from asrkit.language_model import NgramModel
    from asrkit.pronunciation import complete_lexicon
    from asrkit.text import Lexicon
    from asrkit.writing import write_whole

    words = [word for word in NgramModel.load(model).vocabulary if not word.startswith("<")]
    known = Lexicon.read(lexicon).plain()
    completed = complete_lexicon(known, words)
    written = completed.lexicon.only(words)
    write_whole(output, written.written())
    counts = {
        "words": len(written.pronunciations),
        "pronunciations": len(written.lines),
        "guessed": len(completed.guessed),
        "left_out": len(completed.left_out),
        "output": str(output),
    }
    if as_json:
        show(json.dumps(counts), exact=True)
        return
    show(f"{output}: {counts['words']:,} words, {counts['pronunciations']:,} ways to say them")
    for number, what, found in (
        (counts["guessed"], "are not in the lexicon; how they are said is guessed", completed.guessed),
        (counts["left_out"], "have letters that the lexicon never uses, and are left out", completed.left_out),
    ):
        if number:
            named = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
            remark(f"{number:,} words {what}: {named}", quiet)
