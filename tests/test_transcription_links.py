"""An output folder may come from anybody: links and pipes in it are neither followed nor waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fake_recognition import run

from asrkit.config import TranscriptionConfig
from asrkit.errors import TranscriptionError
from asrkit.transcription.status import read_status


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
@pytest.mark.parametrize("name", ["speaker0", "emissions", ".asrkit.shards"])
def test_a_folder_that_is_a_link_is_not_written_to(done: tuple[Path, Path], name: str, tmp_path: Path) -> None:
    """A folder out of an archive may hold a link to anywhere; what it leads to is not the run's."""
    victim, output = tmp_path / "victim", tmp_path / "linked"
    for folder in (victim, output):
        folder.mkdir()
    (output / name).symlink_to("../victim")
    shard = "1/2" if name.startswith(".") else None
    if shard:
        with pytest.raises(TranscriptionError, match=r"shards is a link"):
            run(done[0], output, config=TranscriptionConfig(shard=shard))
    else:
        summary = run(done[0], output, keep_emissions=True)
        assert summary.num_transcribed + len(summary.failures) == len(list(done[0].rglob("*.wav")))
        assert summary.failures and all(f"{name} is a link" in row.reason for row in summary.failures)
    assert not list(victim.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are POSIX's")
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe"])
def test_results_that_are_no_file_of_ours_are_left_alone(done: tuple[Path, Path], tmp_path: Path, kind: str) -> None:
    """A folder out of an archive may hold a link to anything; the torn last line there is not ours to cut off."""
    victim, path = tmp_path / "victim", done[1] / "results.jsonl"
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(victim)
        if kind == "link":
            victim.write_text("precious, no newline")
    with pytest.raises(TranscriptionError, match=r"is a link|is no regular file"):
        run(*done)
    assert victim.exists() == (kind == "link")
    assert kind != "link" or victim.read_text() == "precious, no newline"


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
@pytest.mark.parametrize(
    "name",
    ["run.json", "failures.tsv", "hyp.txt", "results.aside.jsonl", "hyp.aside.txt", ".asrkit.lock", ".asrkit.files"],
)
def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(done: tuple[Path, Path], name: str) -> None:
    (done[1] / name).unlink(missing_ok=True)
    os.mkfifo(done[1] / name)
    if name == "run.json":
        with pytest.raises(TranscriptionError, match=r"run\.json: cannot be read \(is no regular file\)"):
            read_status(done[1])
    else:
        assert read_status(done[1]).state == "finished"
    with pytest.raises(TranscriptionError, match=rf"{name}: is no regular file where the run keeps a file of its own"):
        run(*done)
