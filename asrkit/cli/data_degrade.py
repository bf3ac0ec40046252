"""``asrkit data degrade``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from asrkit.cli.bars import Bars
from asrkit.cli.data import data_app, end_with, say, set_name
from asrkit.cli.showing import show
from asrkit.cli.transcribe_options import AudioRoot
from asrkit.errors import ConfigError

if TYPE_CHECKING:
    from asrkit.config import AugmentationConfig


@data_app.command("degrade", epilog="Example: asrkit data degrade test.tsv -o noisy --snr 0:20 --noise babble")
def degrade_command(
    source: Annotated[Path, typer.Argument(help="A manifest or a corpus in a layout of its own.", metavar="SET")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder for the recordings and their manifest.")],
    snr: Annotated[
        str | None, typer.Option(help="Speech above noise in dB: a number, or LOWEST:HIGHEST to draw from.")
    ] = None,
    noise: Annotated[
        list[str] | None,
        typer.Option(help="white, colored, babble (of the set) or a folder; repeatable: one is drawn."),
    ] = None,
    room: Annotated[
        str | None, typer.Option(help="Reverberation time in s, or LOWEST:HIGHEST, or a folder of measured responses.")
    ] = None,
    clip: Annotated[
        str | None, typer.Option(help="By how many dB the loudest sample is cut off, or LOWEST:HIGHEST.")
    ] = None,
    codec: Annotated[
        list[str] | None, typer.Option(help="telephone, or as in mp3-32k, opus-8k (kbit/s); repeatable: one is drawn.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 1,
    sample_rate_hz: Annotated[int, typer.Option("--rate-hz", min=8_000, help="Rate of what is written.")] = 16_000,
    audio_format: Annotated[Literal["flac", "wav"], typer.Option("--format", help="Of what is written.")] = "flac",
    audio_root: AudioRoot = None,
) -> None:
    """Write a copy of a set in noise, in rooms, overloaded, through codecs: a test set of what users will record.

    The manifest says what was done to each utterance, in columns for asrkit score --by: room, noise, snr, clip, codec.
    """
    from functools import partial

    from asrkit.data import read_manifest
    from asrkit.data.degraded import degrade_set

    config = _config(snr, noise, room, clip, codec)
    utterances = read_manifest(source, audio_root, require_text=False)
    with Bars() as bars:
        written = degrade_set(
            utterances,
            output,
            config,
            name=set_name(source),
            seed=seed,
            sample_rate_hz=sample_rate_hz,
            suffix=f".{audio_format}",
            on_progress=partial(bars.update, "degrading"),
        )
    show(written.manifest, exact=True)
    say(f"{len(written.utterances):,} utterances")
    end_with(written.errors)


def _config(
    snr: str | None, noise: list[str] | None, room: str | None, clip: str | None, codec: list[str] | None
) -> AugmentationConfig:
    """Return what the flags ask for as settings under which it always happens.

    Raises:
        ConfigError: Nothing is asked for, or a value cannot be used.
    """
    from asrkit.config import AugmentationConfig

    values: dict[str, Any] = {}
    if snr is not None or noise:
        values["noise_probability"] = 1.0
    if snr is not None:
        values["noise_snr_db"] = _span("--snr", snr)
    if noise:
        values["noises"] = tuple(noise)
    if room is not None:
        values["room_probability"] = 1.0
        values |= {"rooms": (room,)} if Path(room).is_dir() else {"room_rt60_s": _span("--room", room)}
    if clip is not None:
        values |= {"clip_probability": 1.0, "clip_db": _span("--clip", clip)}
    if codec:
        values |= {"codec_probability": 1.0, "codecs": tuple(codec)}
    if not values:
        raise ConfigError("nothing to do: name at least one of --snr, --noise, --room, --clip, --codec")
    return AugmentationConfig(speeds=(1.0,), gain_db=0.0, **values)


def _span(name: str, text: str) -> tuple[float, float]:
    """Read ``10`` or ``0:20``."""
    lowest, _, highest = text.partition(":")
    try:
        return float(lowest), float(highest or lowest)
    except ValueError:
        hint = " and no folder of that name is there" if name == "--room" else ""
        raise ConfigError(f"{name} takes a number or LOWEST:HIGHEST, not {text!r}{hint}") from None
