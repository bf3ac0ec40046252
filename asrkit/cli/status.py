"""``asrkit status``: how far a transcription run has come."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from asrkit.cli.app import app
from asrkit.cli.showing import show

_SHOWN_FAILURES = 20
_LONGEST_VALUE = 60
_NO_SETTINGS = frozenset({"key", "asrkit", "calibration", "confidence"})  # they follow from others


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
    for group in state.shards:
        apart = _differences(group.provenance, made_with) if group.provenance else ""
        with_others = f" with {printable(apart)}" if apart else ""
        show(f"{'shards' if group is state.shards[0] else '':7} {_ranges(group.numbers)} {group.state}{with_others}")
    if state.expected is not None:
        show(f"errors  {state.expected}")
    for utterance_id, reason in state.failures[:_SHOWN_FAILURES]:
        show(f"  {printable(utterance_id)}: {printable(reason)}")
    if len(state.failures) > _SHOWN_FAILURES:
        show(f"  and {len(state.failures) - _SHOWN_FAILURES:,} more in failures.tsv")


def _ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers as those who start array jobs write them: 1-3,7."""
    known = set(numbers)
    starts = [number for number in numbers if number - 1 not in known]
    ends = [number for number in numbers if number + 1 not in known]
    return ",".join(
        str(first) if first == last else f"{first}-{last}" for first, last in zip(starts, ends, strict=True)
    )


def _differences(made_with: Mapping[str, Any], these: Mapping[str, Any]) -> str:
    """Return what one has where model and settings differ from these; of a file that has another name, that alone."""
    if made_with.get("key") == these.get("key"):
        return ""
    own, other = _flat(made_with), _flat(these)
    names = [name for name in own | other if own.get(name) != other.get(name)]
    named = [name for name in names if name.removesuffix("_fingerprint") not in {*names} - {name}]
    told = [f"{name} {_brief(own.get(name))}" for name in named if name not in _NO_SETTINGS]
    return ", ".join(told) or "other settings"


def _flat(made_with: Mapping[str, Any]) -> dict[str, Any]:
    decoding = made_with.get("decoding")
    return {**made_with, **(decoding if isinstance(decoding, Mapping) else {}), "decoding": None}


def _brief(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
