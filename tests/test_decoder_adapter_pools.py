"""Batches, pools, threads and copies of the adapter's decoders."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_decoder_adapter_calls import SMALL, bugs_model, spoken

from asrkit.config import DecodingConfig
from asrkit.decoder import build_ctcdecoder
from asrkit.decoder.adapter.calls import Call
from asrkit.language_model import NgramModel


@pytest.fixture
def lm(tmp_path: Path) -> Path:
    return bugs_model(tmp_path)


def test_batches_come_without_states(lm: Path) -> None:
    decoder = build_ctcdecoder(SMALL, lm)
    (beams,) = decoder.decode_beams_batch(None, [spoken("bugs bun-ny")])
    text, frames, logit_score, score = beams[0]
    assert (text, frames) == ("bugs bunny", [("bugs", (0, 4)), ("bunny", (5, 11))])
    assert decoder.decode_beams(spoken("bugs bun-ny"))[0][3:] == (logit_score, score)


def test_batches_are_decoded_as_single_utterances_with_all_settings(lm: Path) -> None:
    decoder, num_calls = build_ctcdecoder(SMALL, lm, alpha=0.1), []
    pool = SimpleNamespace(map=lambda function, items: num_calls.append(1) or map(function, items))
    logits = [spoken("bun-ny bun-ny", "bugs-- bun-ny", shares=(0.51, 0.49)), spoken("bugs")]
    given = {"beam_width": 4, "beam_prune_logp": -30.0, "token_min_logp": -21.0, "hotwords": ["bugs"]}
    for changes in ({}, {"hotword_weight": 1.0}, {"prune_history": True}, {"beam_width": 1}, {"hotwords": None}):
        settings: dict[str, Any] = {**given, **changes}
        alone = [[(beam[0], *beam[2:]) for beam in decoder.decode_beams(one, **settings)] for one in logits]
        for any_pool in (None, pool):
            assert decoder.decode_beams_batch(any_pool, logits, **settings) == alone
        settings.pop("prune_history", None)
        for any_pool in (None, pool, 2):
            assert decoder.decode_batch(any_pool, logits, **settings) == [beams[0][0] for beams in alone]
    assert len(num_calls) == 10


class FakePool:
    def __init__(self, context: object = None) -> None:
        self._ctx = context
        self.ran = False

    def map(self, work, items):  # type: ignore[no-untyped-def]
        self.ran = True
        return [pickle.loads(pickle.dumps(work))(item) for item in items]


def test_pools_spread_the_work_unless_they_spawn(lm: Path) -> None:
    decoder = build_ctcdecoder(SMALL, lm)
    batch = [spoken("bugs bun-ny"), spoken("bun-ny")]
    for pool, runs in ((FakePool(), True), (FakePool(get_context("spawn")), False)):
        assert decoder.decode_batch(pool, batch) == ["bugs bunny", "bunny"]
        assert decoder.decode_beams_batch(pool, batch)[1][0][0] == "bunny"
        assert pool.ran == runs
    with ThreadPoolExecutor(2) as executor:
        assert decoder.decode_batch(executor, batch) == ["bugs bunny", "bunny"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_decoders_reach_other_processes(lm: Path, method: str) -> None:
    decoder = build_ctcdecoder(SMALL, lm)
    with ProcessPoolExecutor(1, get_context(method)) as pool:
        assert pool.submit(decoder.decode, spoken("bugs bun-ny")).result() == "bugs bunny"


def test_copies_share_the_language_model(lm: Path) -> None:
    decoder = build_ctcdecoder(SMALL, lm)
    narrow = build_ctcdecoder(SMALL, lm, ["bunny"], alpha=1.0)
    both = spoken("bun-ny bun-ny", "bugs-- bun-ny", shares=(0.51, 0.49))
    assert narrow.decode(both) == pickle.loads(pickle.dumps(narrow)).decode(both) == "bunny bunny"
    for twin in (copy.deepcopy(decoder), pickle.loads(pickle.dumps(decoder))):
        assert twin._search(Call()).lm is decoder._search(Call()).lm
    model = NgramModel.load(lm)
    assert copy.deepcopy(model) is model
    search = decoder._search(Call()).with_config(DecodingConfig(beam=7), hotwords={"bugs": 2.0})
    for twin in (copy.copy(search), pickle.loads(pickle.dumps(search))):
        assert twin.decode(spoken("bugs bun-ny").astype(np.float64)[:0]) and twin.config == search.config
        assert twin.decode(np.log(spoken("bugs bun-ny"))) == search.decode(np.log(spoken("bugs bun-ny")))
    with pytest.raises(TypeError, match="did not come from a file"):
        pickle.dumps(NgramModel(model.native))


def test_many_threads_never_share_hotwords() -> None:
    decoder = build_ctcdecoder(SMALL)
    logits = spoken("bun-ny bun-ny", "bugs-- bun-ny", shares=(0.51, 0.49))
    wanted = {("bugs",): "bugs bunny", ("bunny",): "bunny bunny"}
    with ThreadPoolExecutor(4) as executor:
        found = list(executor.map(lambda words: (words, decoder.decode(logits, hotwords=words)), [*wanted] * 200))
    assert all(wanted[words] == text for words, text in found)
