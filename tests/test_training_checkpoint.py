"""What may change between the parts of a run: nothing that decides its course, or what its outputs mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_model import tiny_bundle
from tiny_run import settings

from asrkit.errors import TrainingError
from asrkit.training.checkpoint import (
    CHECKPOINT,
    RunState,
    load_checkpoint,
    require_same_run,
    save_checkpoint,
    state_here,
    state_in,
)
from asrkit.training.run import settle


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"alphabet": " abc"}, r"data\.alphabet: ' cba' is now ' abc'"),
        ({"units": "subwords"}, r"data\.units: 'characters' is now 'subwords'"),
        ({"subwords": 60}, r"data\.subwords: 0 is now 60"),
        ({"pronunciations": "drawn"}, r"data\.pronunciations: 'first' is now 'drawn'"),
        ({"unknown_words": "pronounce"}, r"data\.unknown_words: 'refuse' is now 'pronounce'"),
    ],
)
def test_what_the_outputs_mean_may_not_change(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    before = state_here(settings("train.tsv", data={"alphabet": " cba"}), "d")
    now = state_here(settings("train.tsv", data={"alphabet": " cba", **changes}), "e")
    with pytest.raises(TrainingError, match=told + r".*--output, or start again with --fresh"):
        require_same_run(before, now, tmp_path)


def test_the_same_data_may_lie_elsewhere(tmp_path: Path) -> None:
    paths = {"train": "b/train.tsv", "dev": "b/dev.tsv", "audio_root": "b", "lexicon": "b/lexicon.txt"}
    before, now = state_here(settings("a"), "d"), state_here(settings("b", data=paths), "d")
    require_same_run(before, now, tmp_path)
    with pytest.raises(TrainingError, match="other data"):
        require_same_run(before, state_here(settings("a"), "e"), tmp_path)


def test_a_model_to_begin_with_is_the_same_from_wherever_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()

    def begun(folder: Path, start: str) -> RunState:
        monkeypatch.chdir(folder)
        return state_here(settings("train.tsv", training={"start_from": start}), "d")

    before = begun(tmp_path, "models/one")
    require_same_run(before, begun(tmp_path / "below", "../models/one"), tmp_path)
    require_same_run(before, begun(tmp_path, str(tmp_path / "models" / "one")), tmp_path)
    require_same_run(before, begun(tmp_path / "below", "models/one"), tmp_path)  # a project that was moved
    with pytest.raises(TrainingError, match=r"training\.start_from: 'models/one' is now 'models/two'"):
        require_same_run(before, begun(tmp_path, "models/two"), tmp_path)
    before.folder = ""  # as runs of earlier versions have it
    require_same_run(before, begun(tmp_path, "./models/one"), tmp_path)


def test_a_run_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    now = state_here(settings("train.tsv"), "d")
    header = {"format_version": 1, **vars(now), "config": json.loads(json.dumps(now.config))}
    del header["folder"]
    for name in ("units", "subwords", "pronunciations", "unknown_words"):
        del header["config"]["data"][name]
    np.savez(tmp_path / CHECKPOINT, header=np.frombuffer(json.dumps(header).encode(), np.uint8))
    require_same_run(load_checkpoint(tmp_path / CHECKPOINT)[0], now, tmp_path)


def test_the_normalizer_is_that_of_what_a_run_goes_on_with(tmp_path: Path) -> None:
    config = settings("train.tsv")
    assert settle(config).data.normalizer == "standard-2"
    assert settle(config.replace(data=config.data.replace(normalizer="standard-1"))).data.normalizer == ("standard-1")
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old = RunState(config={"data": {"train": "x"}}, data="d")
    save_checkpoint(tmp_path / "old" / "checkpoint.npz", old, {})
    assert settle(config, state_in(tmp_path / "old")).data.normalizer == "standard-1"
    named = RunState(config={"data": {"normalizer": "basic-1", "language": "tr"}}, data="d")
    save_checkpoint(tmp_path / "new" / "checkpoint.npz", named, {})
    settled = settle(config, state_in(tmp_path / "new")).data
    assert (settled.normalizer, settled.language) == ("basic-1", "tr")
    first = tiny_bundle(tmp_path / "bundle", normalizer="standard-1")
    start = config.replace(training=config.training.replace(start_from=str(first.path)))
    assert settle(start).data.normalizer == "standard-1"


def test_a_run_goes_on_counting_silence_if_it_did_from_the_start(tmp_path: Path) -> None:
    config = settings("train.tsv")
    assert config.features.silence == settle(config).features.silence == "ignored"
    new, old = config.features.to_dict(), config.features.replace(silence="counted").to_dict()
    for name, features in {"new": new, "old": old}.items():
        (tmp_path / name).mkdir()
        state = RunState(config={**config.to_dict(), "features": features}, data="d")
        save_checkpoint(tmp_path / name / "checkpoint.npz", state, {})
    assert settle(config, state_in(tmp_path / "new")).features.silence == "ignored"
    resumed = settle(config, state_in(tmp_path / "old"))
    assert resumed.features.to_dict() == {key: value for key, value in new.items() if key != "silence"}
    require_same_run(state, RunState(config=resumed.to_dict(), data="d"), tmp_path)
