"""How sure words are: planted reliabilities are found, lengths of recordings do not matter, errors are foretold."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import example, given
from hypothesis import strategies as st
from random_bundle import random_bundle
from typer.testing import CliRunner

from asrkit.alignment import Aligner
from asrkit.cli.whole import app
from asrkit.config import Calibration, DecodingConfig
from asrkit.decoder import BeamSearchDecoder, Word
from asrkit.decoder.units import symbols_of
from asrkit.errors import BundleError, ConfigError, DecodingError
from asrkit.language_model import build_ngram
from asrkit.metrics.alignment import trace
from asrkit.model.bundle import Bundle
from asrkit.model.export import export_bundle
from asrkit.text import Alphabet, Lexicon, Symbols, WordRule, get_normalizer
from asrkit.transcription.provenance import file_fingerprint
from asrkit.tuning import DevSet
from asrkit.tuning.confidence import (
    Doubt,
    ExpectedErrors,
    WordJudge,
    WordListener,
    calibrate,
    confidences,
    judge_dev_set,
)

ALPHABET = Alphabet(" abc")
SYMBOLS = symbols_of(ALPHABET)
VALUES: dict[str, object] = {
    "lm": "0123456789abcdef",
    "lm_weight": 0.7,
    "word_bonus": 1.5,
    "prior_scale": 0.0,
    "unknown_weight": 0.6,
    "unknown_bonus": 0.0,
    "beam": 50,
    "mode": "accurate",
    "weights": [3.0, -4.0, 0.5, 0.3, -0.7],
    "deletions": 0.1,
    "insertions": 0.2,
    "spread": 0.2,
    "clumping": 1.5,
    "error": 0.02,
    "num_words": 5000,
}
CALIBRATION = Calibration.from_dict(VALUES)


def spoken(text: str, noise: float, random: np.random.Generator) -> np.ndarray:
    """Two steps a letter and a blank after each; the more noise, the more often another letter is likelier."""
    rows = []
    for letter in text:
        logits = random.normal(0, noise, len(ALPHABET))
        logits[ALPHABET.symbols.index(letter)] += 6.0
        blank = np.zeros(len(ALPHABET))
        blank[ALPHABET.blank_index] = 9
        rows += [logits, logits, blank]
    values = np.array(rows)
    return (values - np.log(np.exp(values).sum(axis=1, keepdims=True))).astype(np.float32)


def corpus(count: int, seed: int, most_noise: float = 5.0) -> tuple[list[np.ndarray], list[str]]:
    """Utterances of voices from clear to hopeless."""
    random = np.random.default_rng(seed)
    texts = [" ".join("".join(random.choice(list("abc"), 3)) for _ in range(5)) for _ in range(count)]
    return [spoken(text, random.uniform(0.5, most_noise), random) for text in texts], texts


@pytest.fixture(scope="module")
def decoder() -> BeamSearchDecoder:
    return BeamSearchDecoder(ALPHABET, None, DecodingConfig(beam=20))


def fit_calibration(
    decoder: BeamSearchDecoder, emissions: list[np.ndarray], texts: list[str], speakers: list[str] | None = None
) -> Calibration:
    return calibrate(judge_dev_set(decoder, emissions, texts, speakers=speakers), decoder.config, lm="")


@pytest.fixture(scope="module")
def fitted(decoder: BeamSearchDecoder) -> Calibration:
    return fit_calibration(decoder, *corpus(160, seed=1), speakers=[f"s{i % 8}" for i in range(160)])


def test_confidences_are_shares_of_right_words_on_other_utterances(
    decoder: BeamSearchDecoder, fitted: Calibration
) -> None:
    emissions, texts = corpus(160, seed=2)
    judge = WordJudge(SYMBOLS, fitted)
    pairs = []
    for array, text in zip(emissions, texts, strict=True):
        words = decoder.decode(array)[0].words
        steps = trace([word.text for word in words], text.split())
        right = [step == "=" for step in steps if step != "D"]
        pairs += list(zip(judge.judge(array, words), right, strict=True))
    sure = np.array([pair[0] for pair in pairs])
    right = np.array([pair[1] for pair in pairs])
    assert len(pairs) > 300
    assert 0.3 < right.mean() < 0.95
    for low, high in ((0.0, 0.5), (0.5, 0.8), (0.8, 1.0)):
        inside = (sure >= low) & (sure <= high)
        assert abs(sure[inside].mean() - right[inside].mean()) < 0.1
    assert fitted.error < 0.1


def test_errors_of_other_utterances_are_foretold(decoder: BeamSearchDecoder, fitted: Calibration) -> None:
    from asrkit.metrics import count_errors

    emissions, texts = corpus(160, seed=3)
    found = [hypotheses[0] for hypotheses in decoder.decode_batch(emissions)]
    judge = WordJudge(SYMBOLS, fitted)
    doubts = [Doubt.of(judge.judge(array, one.words)) for array, one in zip(emissions, found, strict=True)]
    expected = ExpectedErrors.of(fitted, doubts)
    truth = count_errors([one.text for one in found], texts)
    assert expected.rate is not None
    assert expected.interval is not None
    assert expected.rate == pytest.approx(truth.errors / truth.num_reference, abs=0.05)
    assert expected.interval[0] < truth.errors / truth.num_reference < expected.interval[1]
    assert expected.num_words == pytest.approx(truth.num_reference, rel=0.05)


def test_a_word_is_as_sure_in_a_long_recording_as_in_a_short_one(
    decoder: BeamSearchDecoder, fitted: Calibration
) -> None:
    random = np.random.default_rng(4)
    middle = spoken("abc bca cab acb bac ", 1.0, random)
    before, after = spoken("cab abc bca " * 20, 0.3, random), spoken("cab abc bca " * 20 + "a", 0.3, random)
    judge = WordJudge(SYMBOLS, fitted)
    short = decoder.decode(middle)[0].words
    moved = [
        word._replace(start_step=word.start_step + len(before), end_step=word.end_step + len(before)) for word in short
    ]
    alone = judge.judge(middle, short)
    inside = judge.judge(np.concatenate([before, middle, after]), moved)
    assert len(alone) == 5
    assert inside == pytest.approx(alone, abs=0.01)  # the first and last have other neighbors


def test_a_lonely_word_and_none_at_all() -> None:
    listener = WordListener(SYMBOLS)
    array = spoken("abc", 0.1, np.random.default_rng(0))
    (row,) = listener.listen(array, [Word("abc", 0, 8, 1.0)])
    assert row[0] == row[3] == pytest.approx(math.sqrt(row[1]))
    assert listener.listen(array, []).shape == (0, 4)
    assert WordJudge(SYMBOLS, CALIBRATION).judge(array, []) == []


@pytest.mark.parametrize(
    ("word", "why"),
    [("xyz", "cannot be spelled"), ("cccccccccccc", "does not fit into its time"), ("cba", "was not said")],
)
def test_what_was_not_said_is_no_surer_than_the_worst(word: str, why: str) -> None:
    array = spoken("abc", 0.1, np.random.default_rng(0))
    said = WordListener(SYMBOLS).listen(array, [Word("abc", 0, 8, 1.0)])[0, 1]
    other = WordListener(SYMBOLS).listen(array, [Word(word, 0, 8, 1.0)])[0, 1]
    assert said < 0.1, why
    assert 1.0 < other <= 3.0, why


def test_a_word_said_in_two_ways_counts_both() -> None:
    symbols = Symbols(("p", "q", "r", ""), 3, WordRule.NONE)
    lexicon = Lexicon((("one", ("p", "q")), ("one", ("r",)), ("two", ("p", "r"))))
    array = np.log(np.random.default_rng(1).dirichlet(np.ones(4), 5)).astype(np.float32)
    plain, said = Aligner(symbols), Aligner(symbols, lexicon)
    ways = [plain.log_prob(array, text) for text in ("pq", "r")]
    assert said.log_prob(array, "one") == pytest.approx(np.logaddexp(*ways))
    assert said.log_prob(array, "two") == pytest.approx(plain.log_prob(array, "pr"))
    assert said.log_prob(array, "three") is None


@example([[0.99999]])  # next to nothing is expected to be wrong
@given(st.lists(st.lists(st.floats(0.0, 1.0), max_size=6), max_size=5))
def test_expected_errors_add_up(utterances: list[list[float]]) -> None:
    doubts = [Doubt.of(one) for one in utterances]
    whole = ExpectedErrors.of(CALIBRATION, doubts)
    parts = [ExpectedErrors.of(CALIBRATION, [doubt]) for doubt in doubts]
    total = sum(parts, ExpectedErrors(0.0, 0.0, 0.0, 0.0))
    assert total.errors == pytest.approx(whole.errors)
    assert total.num_words == pytest.approx(whole.num_words)
    assert total.deviation == pytest.approx(whole.deviation)
    if whole.rate and whole.interval:
        assert whole.interval[0] <= whole.rate <= whole.interval[1]
    read = ExpectedErrors.from_dict(json.loads(json.dumps(whole.to_dict())))
    assert read.errors == pytest.approx(whole.errors, abs=1e-4)


def test_expected_errors_of_a_known_case() -> None:
    """Ten words of 0.8: two wrong, 0.2 missed and 0.4 too many beside."""
    expected = ExpectedErrors.of(CALIBRATION, [Doubt.of([0.8] * 10)])
    assert expected.errors == pytest.approx(2.2)
    assert expected.num_words == pytest.approx(10 + 2 * (0.1 - 0.2))
    assert expected.deviation == pytest.approx(1.1 * math.sqrt(1.5 * 10 * 0.16))
    assert str(expected).startswith("estimated WER 22.4% [")
    assert str(ExpectedErrors.of(CALIBRATION, [])) == "no words to estimate the WER from"


@pytest.mark.parametrize(
    ("changes", "lm", "beam"),
    [
        ({}, "0123456789abcdef", 50),
        ({"beam": 60}, "0123456789abcdef", 50),
        ({"beam": 500}, "0123456789abcdef", 50),
        ({"mode": "thorough"}, "0123456789abcdef", 800),
        ({"n_best": 5}, "0123456789abcdef", 50),
        ({"lm_weight": 0.8}, "0123456789abcdef", None),
        ({"hotwords": ("abc",)}, "0123456789abcdef", None),
        ({"vocabulary": "closed"}, "0123456789abcdef", None),
        ({"decoder": "greedy"}, "0123456789abcdef", None),
        ({"decoder": "pyctcdecode"}, "0123456789abcdef", None),
        ({}, "fedcba9876543210", None),
        ({}, None, None),
    ],
)
def test_a_calibration_holds_for_what_it_was_fitted_with(changes: dict, lm: str | None, beam: int | None) -> None:
    wide = dataclasses.replace(CALIBRATION, beam=800, mode="thorough")
    found = Calibration.choose([CALIBRATION, wide], DecodingConfig(**changes), lm)
    assert (None if found is None else found.beam) == beam


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [1.0]}, "weights must be 5 numbers"),
        ({"spread": 0.0}, "spread must be positive"),
        ({"deletions": -1.0}, "must not be negative"),
        ({"mode": "wild"}, "mode must be one of"),
        ({"colour": 1}, "unknown setting"),
        ({"clumping": float("nan")}, "NaN"),
    ],
)
def test_a_calibration_that_makes_no_sense_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Calibration.from_dict({**VALUES, **change})


@pytest.mark.parametrize(
    ("count", "noise", "why"), [(5, 1.0, "too few words"), (60, 0.01, "none wrong"), (60, 60.0, "none right")]
)
def test_a_dev_set_that_teaches_nothing_is_refused(
    decoder: BeamSearchDecoder, count: int, noise: float, why: str
) -> None:
    random = np.random.default_rng(5)
    texts = [" ".join("".join(random.choice(list("abc"), 4)) for _ in range(5)) for _ in range(count)]
    emissions = [spoken(text, noise, random) for text in texts]
    with pytest.raises(DecodingError, match="are too few of a kind"):
        fit_calibration(decoder, emissions, texts)


def test_words_are_judged_as_they_are_scored(tmp_path: Path) -> None:
    """As Turkish ones, whose capital I is not that of English."""
    emissions, texts = corpus(20, seed=1, most_noise=0.5)
    words = sorted({word for text in texts for word in text.split()})
    (tmp_path / "lexicon.tsv").write_text("".join(f"I{word.upper()}\t{' '.join(word)}\n" for word in words))
    decoder = BeamSearchDecoder(ALPHABET, None, DecodingConfig(beam=20), lexicon=tmp_path / "lexicon.tsv")
    said = [" ".join(f"ı{word}" for word in text.split()) for text in texts]
    judged = judge_dev_set(decoder, emissions, said, normalizer=get_normalizer("standard", "tr"))
    assert all(one is not None and one.right.mean() > 0.8 for one in judged)


def test_voices_that_differ_widen_the_interval(decoder: BeamSearchDecoder) -> None:
    emissions, texts = corpus(120, seed=6, most_noise=3.0)
    # Half of the speakers say other words than their texts have, which no emissions tell.
    strange = [" ".join(word if k % 2 else "aaa" for k, word in enumerate(text.split())) for text in texts]
    mixed = [strange[i] if i % 8 < 4 else texts[i] for i in range(120)]
    speakers = [f"s{i % 8}" for i in range(120)]
    alike = fit_calibration(decoder, emissions, texts, speakers=speakers)
    unlike = fit_calibration(decoder, emissions, mixed, speakers=speakers)
    assert unlike.spread > 2 * alike.spread
    alone = fit_calibration(decoder, emissions, texts, speakers=["one"] * 120)
    assert alone.spread == 0.3  # what one voice shows of all others is little


def test_an_estimate_of_utterances_that_were_left_out_is_that_of_a_run(decoder: BeamSearchDecoder) -> None:
    emissions, texts = corpus(200, seed=8)
    texts[-1] += " abcabc"  # nobody said it
    judged = judge_dev_set(decoder, emissions, texts, speakers=[f"s{i % 8}" for i in range(200)])
    assert judged[-1] is not None and judged[-1].deletions >= 1
    part = calibrate(judged[:160], decoder.config, lm="")
    speakers = [f"s{i % 8}" for i in range(160)]
    assert part == fit_calibration(decoder, emissions[:160], texts[:160], speakers=speakers)
    judge = WordJudge(SYMBOLS, part)
    for one, array in zip(judged[160:], emissions[160:], strict=True):
        assert one is not None
        assert confidences(part, one.heard) == judge.judge(array, decoder.decode(array)[0].words)
    expected = ExpectedErrors.of(part, [Doubt.of(confidences(part, one.heard)) for one in judged[160:] if one])
    low, high = expected.interval or (1.0, 0.0)
    assert (
        low <= sum(one.errors for one in judged[160:] if one) / sum(len(text.split()) for text in texts[160:]) <= high
    )


def test_bundles_keep_it(tmp_path: Path) -> None:
    bundle = random_bundle(tmp_path / "bundle")
    assert bundle.calibration == ()
    tuned = bundle.with_decoding({"lm_weight": 0.7}, (), [CALIBRATION])
    export_bundle(tuned, tmp_path / "copy")
    for kept in (tuned, Bundle.load(tmp_path / "copy")):
        assert kept.calibration == (CALIBRATION,)
        assert kept.describe()["calibration"] == [CALIBRATION.to_dict()]
    assert tuned.with_decoding({"lm_weight": 0.8}).calibration == ()
    description = json.loads((tmp_path / "copy" / "bundle.json").read_text())
    description["calibration"][0]["weights"] = "many"
    (tmp_path / "copy" / "bundle.json").write_text(json.dumps(description))
    with pytest.raises(BundleError, match="weights"):
        Bundle.load(tmp_path / "copy")


def test_the_command_calibrates_what_it_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emissions, texts = corpus(80, seed=7)
    soundfile.write(tmp_path / "a.wav", np.zeros(1600), 16_000)
    lines = [f"u{i}\ta.wav\ts{i % 4}\t{text}" for i, text in enumerate(texts)]
    (tmp_path / "dev.tsv").write_text("\n".join(["utterance_id\tpath\tspeaker\ttext", *lines]) + "\n")
    build_ngram(["\n".join(texts)], tmp_path / "lm.arpa", order=2, discount_fallback=True)
    monkeypatch.setattr("asrkit.tuning.emit_dev_set", lambda *_, **__: DevSet(tuple(emissions), tuple(texts), True))
    bundle = random_bundle(tmp_path / "bundle")
    flags = ["--model", bundle.path, "--data", tmp_path / "dev.tsv", "--lm", tmp_path / "lm.arpa"]

    def tune(*more: str) -> dict:
        command = ["lm", "tune", *map(str, flags), "--candidates", "2", "--json", *more]
        return json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)

    found = tune("--other-beam", "10")
    kept = Bundle.load(bundle.path)
    assert [one.to_dict() for one in kept.calibration] == found["calibration"]
    assert [one.beam for one in kept.calibration] == [kept.decoding["beam"], 10]
    decoding = DecodingConfig.from_dict(dict(kept.decoding))
    fingerprint = file_fingerprint(tmp_path / "lm.arpa")
    assert Calibration.choose(kept.calibration, decoding, fingerprint) == kept.calibration[0]
    bundle.with_decoding(kept.decoding, kept.tuned)  # as tuned by an earlier version
    told = []
    monkeypatch.setattr("asrkit.cli.lm_tune.remark", lambda text, _: told.append((text, bars_shown[:])))
    bars_shown: list[object] = []
    monkeypatch.setattr("asrkit.cli.bars.Bars.__enter__", lambda bars: bars_shown.append(bars) or bars)
    monkeypatch.setattr("asrkit.cli.bars.Bars.__exit__", lambda *_: bars_shown.clear())
    again = tune("--only-calibrate")
    assert again["calibration"] == found["calibration"]
    assert told and not any(shown for _, shown in told), "a bar in a terminal overwrites what is said below it"
    assert Bundle.load(bundle.path).decoding == kept.decoding
    words = sorted(set(" ".join(texts).split()))  # of a lexicon that is named, each is said as another is
    said = zip(words, [*words[1:], words[0]], strict=True)
    (tmp_path / "lexicon.tsv").write_text("".join(f"{word}\t{' '.join(other)}\n" for word, other in said))
    other = tune("--only-calibrate", "--dry-run", "--lexicon", str(tmp_path / "lexicon.tsv"))
    assert [one["deletions"] for one in other["calibration"]] != [one["deletions"] for one in found["calibration"]]
