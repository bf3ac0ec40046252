"""An imported bundle in every command that takes a model: the planted model, with a few outputs and with hundreds."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from foreign_graphs import LABELS, RATE_HZ, hugging_face_folder, planted_sound
from test_metrics_blame import write_lm
from typer.testing import CliRunner

from asrkit.cli.whole import app
from asrkit.emissions import read_emissions, store
from asrkit.model.bundle import Bundle
from asrkit.model.importing import Wishes, import_model
from asrkit.transcription.ray_runner import _Worker
from asrkit.transcription.recipe import Recipe
from asrkit.transcription.recordings import find_recordings

MANY = (*LABELS, *(f"X{index}" for index in range(300)))
SAID = {"u1": "AB C", "u2": "CAB", "u3": "A CAB AB", "u4": "BA", "u5": "C AB BA", "u6": "CAB CAB A"}


@pytest.fixture(scope="module", params=[LABELS, MANY], ids=["few", "many"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the bundle, recordings of what is said, its texts and a language model."""
    folder = tmp_path_factory.mktemp("made")
    wishes = dataclasses.replace(Wishes(), longest_s=5.0)
    import_model(hugging_face_folder(folder / "hf", labels=request.param), folder / "bundle", wishes)
    (folder / "wavs").mkdir()
    rows = []
    for name, text in SAID.items():
        outputs = [LABELS.index(letter) for letter in text.replace(" ", "|")]
        sound = planted_sound(outputs) + np.random.default_rng(1).normal(0, 0.02, 4 * 320 * len(outputs))
        soundfile.write(folder / f"wavs/{name}.wav", sound, RATE_HZ)
        rows.append(f"{name}\t{folder}/wavs/{name}.wav\t{text.lower()}\n")
    (folder / "texts.tsv").write_text("id\tpath\ttext\n" + "".join(rows))
    write_lm(folder / "lm.arpa", {"AB": -1.0, "C": -1.0, "CAB": -0.6, "A": -1.5, "BA": -1.2})
    yield folder


@pytest.fixture
def here(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    return made


def asrkit(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def heard(folder: str) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in Path(folder, "hyp.txt").read_text().splitlines())


def test_its_kept_emissions_are_decoded_tuned_on_and_judged(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcribe = ["transcribe", "wavs", "--model", "bundle", "--lm", "lm.arpa", "--keep-emissions", "-q"]
    asrkit(*transcribe, "-o", "out")
    assert heard("out") == SAID
    asrkit("decode", "out", "--lm", "lm.arpa", "-o", "again", "-q")
    assert heard("again") == SAID

    _, emissions = read_emissions(here / "out/emissions/u3.emissions.npz")
    with monkeypatch.context() as patched:
        patched.setattr(store, "FEW_OUTPUTS", 10**6)
        asrkit(*transcribe, "-o", "dense")
    assert heard("dense") == SAID
    _, dense = read_emissions(here / "dense/emissions/u3.emissions.npz")
    np.testing.assert_array_equal(np.where(dense < -14, 0, dense), np.where(dense < -14, 0, emissions))
    sizes = [Path(folder, "emissions/u3.emissions.npz").stat().st_size for folder in ("out", "dense")]
    assert sizes[0] < sizes[1] / 3 if emissions.shape[1] > 256 else sizes[0] == sizes[1]

    Path("wrong.txt").write_text("".join(f"{name} {text}\n" for name, text in SAID.items()).replace("u4 BA", "u4 AB"))
    judge = ["score", "out", "wrong.txt", "--emissions", "out", "--lm", "lm.arpa", "--json"]
    blamed = json.loads(asrkit(*judge))["details"]["blame"]
    assert blamed["by_cause"] == {"acoustic model": 1, "language model": 0, "vocabulary": 0, "search": 0}
    assert blamed["errors"][0]["acoustic_difference"] > 5

    for source in (["--emissions", "out"], ["--model", "bundle"]):
        arguments = ["lm", "tune", *source, "--lm", "lm.arpa", "--data", "texts.tsv", "--candidates", "2", "--json"]
        assert json.loads(asrkit(*arguments, "--threads", "1", "--dry-run"))["chosen"]["word_error_rate"] == 0


def test_texts_are_checked_and_aligned_with_it(here: Path) -> None:
    Path("swapped.tsv").write_text(Path("texts.tsv").read_text().replace("cab cab a", "c ba ab"))
    done = CliRunner().invoke(app, ["data", "check", "swapped.tsv", "--model", "bundle"])
    assert [line.split("\t")[1:4] for line in done.stdout.splitlines() if "label" in line] == [
        ["u6", "quarantined", "label"]
    ]
    asrkit("align", "texts.tsv", "--text", "texts.tsv", "--model", "bundle", "-o", "aligned", "-q")
    words = [line.split() for line in Path("aligned/u3.ctm").read_text().splitlines()]
    assert [word[4] for word in words] == ["a", "cab", "ab"]
    ends = [float(word[2]) + float(word[3]) for word in words]
    assert ends == pytest.approx([0.06, 0.38, 0.62])  # four steps of 20 ms an output, the last of them a blank


def work_elsewhere(worker: _Worker, batch: list[Any]) -> list[str]:
    outcomes, _ = worker.recognize(tuple(batch))
    assert not any(outcome.problem for outcome in outcomes)
    return [outcome.transcript.text for outcome in outcomes if outcome.transcript is not None]


def test_it_travels_to_workers_in_other_folders(here: Path, tmp_path: Path) -> None:
    """As a worker of a cluster gets it: pickled, with relative paths made absolute."""
    worker = _Worker(Recipe.make(Bundle.load("bundle"), Path("lm.arpa")).portable())
    recordings = find_recordings(["wavs"])
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, initializer=os.chdir, initargs=(tmp_path,)) as pool:
        assert pool.submit(work_elsewhere, worker, recordings).result() == [SAID[r.utterance_id] for r in recordings]
