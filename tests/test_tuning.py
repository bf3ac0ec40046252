"""Tuning: finds planted weights, chooses honestly, computes emissions once."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from random_bundle import random_bundle
from typer.testing import CliRunner

from asrkit.cli.whole import app
from asrkit.config import DecodingConfig
from asrkit.data import Utterance
from asrkit.errors import ConfigError, DecodingError
from asrkit.language_model import NgramModel, build_ngram
from asrkit.metrics import count_errors
from asrkit.model.bundle import Bundle
from asrkit.text import Alphabet, Lexicon, get_normalizer
from asrkit.tuning import TuningResult, emit_dev_set, search, tune_decoding

ALPHABET = Alphabet(" abc")
SENTENCES = ["ab ca", "ab ca bb", "ca ab", "bb ca ab", "ca bb", "ab bb ca"]


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> NgramModel:
    path = tmp_path_factory.mktemp("lm") / "m.arpa"
    build_ngram(["\n".join(SENTENCES * 5)], path, order=2, discount_fallback=True)
    return NgramModel.load(path)


def noisy_emissions(sentence: str, random: np.random.Generator) -> np.ndarray:
    """Two steps a symbol, a blank after each; the right symbol is often not the likeliest."""
    rows = []
    for symbol in sentence:
        logits = random.normal(0, 1.6, len(ALPHABET))
        logits[ALPHABET.symbols.index(symbol)] += 2.5
        rows += [logits, logits]
        blank = np.zeros(len(ALPHABET))
        blank[ALPHABET.blank_index] = 6
        rows.append(blank)
    values = np.array(rows)
    return (values - np.log(np.exp(values).sum(axis=1, keepdims=True))).astype(np.float32)


@pytest.fixture(scope="module")
def dev() -> tuple[list[np.ndarray], list[str]]:
    random = np.random.default_rng(3)
    references = [SENTENCES[i % len(SENTENCES)] for i in range(60)]
    return [noisy_emissions(reference, random) for reference in references], references


@pytest.fixture(scope="module")
def result(lm: NgramModel, dev: tuple[list[np.ndarray], list[str]]) -> TuningResult:
    shares: list[float] = []
    start = DecodingConfig(lm_weight=0.0, word_bonus=0.0)
    found = tune_decoding(*dev, ALPHABET, lm, step_ms=40.0, config=start, num_candidates=12, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    return found


def test_tuning_beats_settings_without_the_language_model(result: TuningResult) -> None:
    assert result.best.word_error_rate < 0.7 * result.before.word_error_rate
    assert result.settings["lm_weight"] > 0.1
    weights = ("lm_weight", "word_bonus", "prior_scale", "unknown_weight", "unknown_bonus")
    assert result.settings.keys() == {*weights, "log_priors", "beam", "mode"}
    assert DecodingConfig.from_dict(result.settings)


def test_trials_hold_what_decoding_gives(
    result: TuningResult, lm: NgramModel, dev: tuple[list[np.ndarray], list[str]]
) -> None:
    from asrkit.decoder import BeamSearchDecoder

    decoder = BeamSearchDecoder(ALPHABET, lm, result.chosen.config)
    texts = [hypotheses[0].text for hypotheses in decoder.decode_batch(dev[0])]
    assert count_errors(texts, dev[1]) == result.chosen.counts


def test_other_beams_get_weights_of_their_own(lm: NgramModel, dev: tuple[list[np.ndarray], list[str]]) -> None:
    part = dev[0][:16], dev[1][:16]
    found = tune_decoding(*part, ALPHABET, lm, step_ms=40.0, num_candidates=2, other_beams=[2, 50])
    chosen = (found.chosen.config.mode, found.chosen.config.beam)
    wanted = [("accurate", beam) for beam in (2, 50) if ("accurate", beam) != chosen]
    assert [(settings["mode"], settings["beam"]) for settings in found.settings_of_others] == wanted
    for trial in found.others:  # refined for it: at least as good as the weights of the best beam
        from asrkit.decoder import BeamSearchDecoder

        plain = found.best.config.replace(mode="accurate", beam=trial.config.beam)
        texts = BeamSearchDecoder(ALPHABET, lm, plain).decode_texts(part[0])
        assert trial.counts.errors <= count_errors(texts, part[1]).errors


def test_the_same_seed_finds_the_same_weights(
    result: TuningResult, lm: NgramModel, dev: tuple[list[np.ndarray], list[str]]
) -> None:
    start = DecodingConfig(lm_weight=0.0, word_bonus=0.0)
    again = tune_decoding(*dev, ALPHABET, lm, step_ms=40.0, config=start, num_candidates=12, threads=2)
    assert again.best.config.lm_weight == result.best.config.lm_weight
    assert [t.counts for t in again.trials] == [t.counts for t in result.trials]


def test_tuning_takes_out_what_the_network_learned_about_text(
    result: TuningResult, lm: NgramModel, dev: tuple[list[np.ndarray], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that says the blank and ``b`` too often, by factors that tuning does not know."""
    bias = np.log([1.0, 1.0, 8.0, 1.0, 12.0])
    biased = [array + bias for array in dev[0]]
    biased = [(array - np.log(np.exp(array).sum(axis=1, keepdims=True))).astype(np.float32) for array in biased]
    start = DecodingConfig(lm_weight=result.settings["lm_weight"], word_bonus=result.settings["word_bonus"])
    found = tune_decoding(biased, dev[1], ALPHABET, lm, step_ms=40.0, config=start, num_candidates=30)
    assert found.settings["prior_scale"] > 0.1
    assert np.allclose(np.exp(found.settings["log_priors"]), np.exp(np.vstack(biased)).mean(axis=0), atol=2e-3)
    for known in (search._RANGES, search._FIRST_STEPS):
        monkeypatch.delitem(known, "prior_scale")
    unaware = tune_decoding(biased, dev[1], ALPHABET, lm, step_ms=40.0, config=start, num_candidates=30)
    assert found.best.counts.errors < 0.95 * unaware.best.counts.errors


def test_before_are_the_settings_as_they_were(lm: NgramModel, dev: tuple[list[np.ndarray], list[str]]) -> None:
    priors = (-0.5, -5.0, -0.5, -5.0, -0.1)
    start = DecodingConfig(prior_scale=1.0, log_priors=priors)
    found = tune_decoding(*dev, ALPHABET, lm, step_ms=40.0, config=start, num_candidates=1)
    assert found.before.config == start
    assert found.settings["log_priors"] != priors


@pytest.mark.parametrize("fault", [np.nan, 3.0])
def test_impossible_emissions_are_named(lm: NgramModel, dev: tuple[list[np.ndarray], list[str]], fault: float) -> None:
    broken = [dev[0][0], np.full_like(dev[0][1], fault)]
    with pytest.raises(DecodingError, match="utterance 1"):
        tune_decoding(broken, dev[1][:2], ALPHABET, lm, step_ms=40.0)


@pytest.mark.parametrize(
    ("language", "spelled", "heard"), [("en", "AB", "ab"), ("de", "aß", "ass"), ("tr", "I", "ı"), ("en", "OK", "okay")]
)
def test_texts_are_compared_as_they_are_scored(
    tmp_path: Path, dev: tuple[list[np.ndarray], list[str]], language: str, spelled: str, heard: str
) -> None:
    """Of a lexicon, for one, whose words may be capitals or have letters that references are rid of."""
    lexicon, text = tmp_path / "lexicon.tsv", tmp_path / "text.txt"
    words = {"ab": spelled, "ca": "CA", "bb": "BB"}
    lexicon.write_text("".join(f"{word}\t{' '.join(said)}\n" for said, word in words.items()))
    build_ngram([f"{spelled} CA BB\n" * 20], text.with_suffix(".arpa"), order=1, discount_fallback=True)
    found = tune_decoding(
        dev[0][:12],
        [reference.replace("ab", heard) for reference in dev[1][:12]],
        ALPHABET,
        NgramModel.load(text.with_suffix(".arpa")),
        step_ms=40.0,
        normalizer=get_normalizer("standard", language),
        lexicon=Lexicon.read(lexicon),
        num_candidates=1,
    )
    assert found.best.word_error_rate < 0.5


def test_nothing_to_tune_on_is_refused(lm: NgramModel) -> None:
    silence = np.log(np.full((4, 5), 0.2, np.float32))
    for emissions, references in (([], []), ([silence], []), ([silence], [" "])):
        with pytest.raises(DecodingError):
            tune_decoding(emissions, references, ALPHABET, lm, step_ms=40.0)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    lines = ["utterance_id\tpath\ttext"]
    for i, sentence in enumerate(SENTENCES):
        soundfile.write(tmp_path / f"{i}.wav", random.normal(0, 0.1, 6000 + 800 * i), 8000)
        lines.append(f"u{i}\t{i}.wav\t{sentence.upper()}")
    (tmp_path / "dev.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path / "dev.tsv"


def test_emissions_are_computed_once(tmp_path: Path, corpus: Path) -> None:
    bundle = random_bundle(tmp_path / "bundle")
    utterances = [Utterance(f"u{i}", tmp_path / f"{i}.wav", s) for i, s in enumerate(SENTENCES)]
    first = emit_dev_set(bundle, utterances, cache_dir=tmp_path / "cache")
    second = emit_dev_set(bundle, utterances, cache_dir=tmp_path / "cache")
    assert (first.is_cached, second.is_cached) == (False, True)
    assert first.references == tuple(SENTENCES)
    assert all(np.array_equal(a, b) for a, b in zip(first.emissions, second.emissions, strict=True))
    of_a_channel = [replace(utterance, channel=0) for utterance in utterances]
    assert not emit_dev_set(bundle, of_a_channel, cache_dir=tmp_path / "cache").is_cached
    soundfile.write(tmp_path / "0.wav", np.zeros(9000), 8000)
    assert not emit_dev_set(bundle, utterances, cache_dir=tmp_path / "cache").is_cached
    for file in (tmp_path / "cache" / "emissions").iterdir():
        file.write_bytes(file.read_bytes()[:50])
    assert not emit_dev_set(bundle, utterances, cache_dir=tmp_path / "cache").is_cached
    with pytest.raises(DecodingError, match="empty"):
        emit_dev_set(bundle, [], cache_dir=tmp_path)


def test_the_command_stores_its_choice(
    tmp_path: Path, corpus: Path, lm: NgramModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASRKIT_CACHE_DIR", str(tmp_path / "cache"))
    bundle = random_bundle(tmp_path / "bundle")
    assert lm.path is not None
    arguments = ["lm", "tune", "--model", bundle.path, "--data", corpus, "--lm", lm.path, "--candidates", "3"]
    plot = tmp_path / "frontier.png"
    done = CliRunner().invoke(app, [*map(str, arguments), "--plot", str(plot), "--json"], catch_exceptions=False)
    facts = json.loads(done.stdout)
    assert facts["settings"].items() <= dict(Bundle.load(bundle.path).decoding).items()
    assert plot.read_bytes().startswith(b"\x89PNG")
    shown = CliRunner().invoke(app, [*map(str, arguments), "--plot", str(plot), "--dry-run"], catch_exceptions=False)
    assert "chosen" in shown.stdout
    assert "not stored" in shown.stdout


def test_the_language_model_that_comes_with_the_model_needs_no_naming(
    tmp_path: Path, corpus: Path, lm: NgramModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASRKIT_CACHE_DIR", str(tmp_path / "cache"))
    bundle = random_bundle(tmp_path / "bundle")
    arguments = ["lm", "tune", "--model", str(bundle.path), "--data", str(corpus), "--candidates", "1", "--dry-run"]
    alone = CliRunner().invoke(app, arguments)
    assert isinstance(alone.exception, ConfigError) and "--lm; none comes along" in str(alone.exception)
    assert lm.path is not None
    shutil.copy(lm.path, bundle.path / f"language_model{lm.path.suffix}")
    shown = CliRunner().invoke(app, [*arguments, "--plot", str(tmp_path / "f.png")], catch_exceptions=False)
    assert "chosen" in shown.stdout


def test_the_model_in_the_box_stays_as_it_is(
    tmp_path: Path, corpus: Path, lm: NgramModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("asrkit.cli.settings._BOX", tmp_path / "box")
    bundle = random_bundle(tmp_path / "box" / "english-small")
    for named in ([], ["--model", "english-small"]):
        done = CliRunner().invoke(app, ["lm", "tune", "--data", str(corpus), "--lm", str(lm.path), *named])
        assert isinstance(done.exception, ConfigError)
        assert "asrkit model export mine --model english-small" in str(done.exception)
    assert Bundle.load(bundle.path).decoding == {}


def test_a_figure_that_cannot_be_drawn_does_not_cost_the_choice(
    tmp_path: Path, corpus: Path, lm: NgramModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASRKIT_CACHE_DIR", str(tmp_path / "cache"))
    bundle = random_bundle(tmp_path / "bundle")
    arguments = ["lm", "tune", "--model", bundle.path, "--data", corpus, "--lm", lm.path, "--candidates", "1"]
    done = CliRunner().invoke(app, [*map(str, arguments), "--plot", str(tmp_path / "frontier.xyz")])
    assert isinstance(done.exception, ConfigError)
    assert "lm_weight" in Bundle.load(bundle.path).decoding
