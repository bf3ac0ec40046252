"""How far a run has come, read from its output folder while it goes on or after it died."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import Any

from asrkit.errors import MissingPathError, TranscriptionError
from asrkit.locks import is_in_use
from asrkit.reading import parse_json, require_plain
from asrkit.transcription.naming import FAILURES_NAME, RUN_NAME
from asrkit.transcription.results import read_results, unreadable
from asrkit.tuning.confidence import ExpectedErrors


@dataclass(frozen=True)
class ShardGroup:
    """Shards of a run that are equally far, with the same model and settings."""

    numbers: tuple[int, ...]  # which of them, from 1
    state: str  # as of a run, or not begun
    provenance: Mapping[str, Any]  # model, language model and settings; of those that did not begin, nothing


@dataclass(frozen=True)
class RunStatus:
    """The state of an output folder."""

    state: str  # running, interrupted, killed or finished
    num_recordings: int  # how many the last run was asked for
    num_done: int  # how many of them are transcribed with its model and settings
    num_others: int  # transcribed from other inputs by earlier runs, with the same model and settings
    failures: tuple[tuple[str, str], ...]  # what failed in the last run: id and reason
    audio_s: float  # seconds of audio transcribed, others included
    provenance: Mapping[str, Any]  # model, language model and settings
    # Word errors to be expected in the last finished run, where confidences are calibrated.
    expected: ExpectedErrors | None = None
    shards: tuple[ShardGroup, ...] = ()  # of a run in shards that are not one yet

    @property
    def num_left(self) -> int:
        """Recordings neither done nor failed."""
        return max(0, self.num_recordings - self.num_done - len(self.failures))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "state": self.state,
            "recordings": self.num_recordings,
            "done": self.num_done,
            "others": self.num_others,
            "failed": [{"utterance_id": name, "reason": reason} for name, reason in self.failures],
            "left": self.num_left,
            "audio_s": round(self.audio_s, 3),
            "provenance": dict(self.provenance),
            "expected": None if self.expected is None else self.expected.to_dict(),
            "shards": [
                {"numbers": [*group.numbers], "state": group.state, "provenance": dict(group.provenance)}
                for group in self.shards
            ],
        }


def read_status(folder: Path) -> RunStatus:
    """Read the state of an output folder; nothing in it is touched.

    Raises:
        MissingPathError: There is no such folder.
        TranscriptionError: It is not an output folder.
    """
    description = read_description(folder)
    key = description["provenance"].get("key")
    failures = tuple((name, reason) for name, _, reason in read_failures(folder))
    latest = {t.utterance_id: t.duration_s for t in read_results(folder) if t.provenance.get("key") == key}
    return RunStatus(
        state=description["state"],
        num_recordings=description["num_recordings"],
        num_done=max(0, len(latest.keys() - {name for name, _ in failures}) - description["num_others"]),
        num_others=description["num_others"],
        failures=failures,
        audio_s=sum(latest.values()),
        provenance=description["provenance"],
        expected=_expected(description),
    )


def _expected(description: Mapping[str, Any]) -> ExpectedErrors | None:
    try:
        return ExpectedErrors.from_dict(description["summary"]["expected"])
    except (KeyError, TypeError, ValueError):  # uncalibrated, of an earlier version, or not finished
        return None


def read_description(folder: Path) -> dict[str, Any]:
    """Return what ``run.json`` of an output folder says, with the state that the run is really in.

    Raises:
        MissingPathError: There is no such folder.
        TranscriptionError: It is not an output folder.
    """
    if not folder.is_dir():
        raise MissingPathError("no such output folder", path=folder)
    description = _description(folder / RUN_NAME)
    if description["state"] == "running" and not is_in_use(folder):
        description = _description(folder / RUN_NAME)  # what finished just now has said so before it let go
        if description["state"] == "running":
            description["state"] = "killed"
    return description


def _description(path: Path) -> dict[str, Any]:
    try:
        require_plain(path)
        description = parse_json(path.read_text(encoding="utf-8"))
        description["provenance"].get("key")
        counts = {name: index(description[name]) for name in ("num_recordings", "num_others")}
        return {**description, **counts, "state": str(description["state"])}
    except FileNotFoundError:
        raise TranscriptionError("no run.json: not an output folder of `asrkit transcribe`", path=path.parent) from None
    except OSError as error:
        raise unreadable(path, error) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TranscriptionError(
            f"cannot be understood ({error}); transcribe into the folder again", path=path
        ) from None


def read_failures(folder: Path) -> list[tuple[str, str, str]]:
    """Return what failed in the last run into a folder: id, audio and reason."""
    path = folder / FAILURES_NAME
    if not path.is_file():
        return []
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8", errors="replace").split("\n")[1:] if line]
    return [(row[0], row[1] if len(row) > 2 else "", row[-1]) for row in rows]
