"""What may change between the parts of a run: nothing that decides its course, or what its outputs mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_run import settings

from asrkit.errors import TrainingError
from asrkit.training.checkpoint import CHECKPOINT, RunState, load_checkpoint, require_same_run, state_here


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
