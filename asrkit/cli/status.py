"""``asrkit status``: how far a transcription run has come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from asrkit.cli.app import app
from asrkit.cli.showing import show

_SHOWN_FAILURES = 20


@app.command(epilog="Example: asrkit status transcripts")
def status(
    output_dir: Annotated[Path, typer.Argument(help="Output folder of asrkit transcribe.")] = Path("transcripts"),
    json_output: Annotated[bool, typer.Option("--json", help="Print the state as JSON.")] = False,
) -> None:
    """Show what a transcription run has done, what failed and what is left; it may still be running.

    Shards that have all finished are merged first.
    """
    from asrkit.text.identifiers import printable
    from asrkit.transcription.shards import status_of

    state = status_of(output_dir)
    if json_output:
        show(json.dumps(state.to_dict()), exact=True)
        return
    made_with = state.provenance
    show(f"state   {state.state}")
    others = f" and {state.num_others:,} from other inputs before" if state.num_others else ""
    hours = f"{state.audio_s / 3600:.2f} h of audio"
    show(f"done    {state.num_done:,} of {state.num_recordings:,}{others}, {hours}")
    show(f"failed  {len(state.failures):,}")
    show(f"left    {state.num_left:,}")
    lm = made_with.get("lm")
    beside = "no language model" if lm is None else f"language model {printable(str(lm))}"
    show(f"model   {printable(str(made_with.get('model')))}, {beside}")
    if state.expected is not None:
        show(f"errors  {state.expected}")
    for utterance_id, reason in state.failures[:_SHOWN_FAILURES]:
        show(f"  {printable(utterance_id)}: {printable(reason)}")
    if len(state.failures) > _SHOWN_FAILURES:
        show(f"  and {len(state.failures) - _SHOWN_FAILURES:,} more in failures.tsv")
