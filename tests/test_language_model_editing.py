"""Pruned, mixed and converted models: still distributions, and what they should be."""

from __future__ import annotations

import itertools
import math
import random
from pathlib import Path

import numpy as np
import oracles
import pytest

from asrkit.errors import ConfigError, LanguageModelError
from asrkit.language_model import (
    NgramModel,
    build_ngram,
    interpolate_models,
    prune_model,
    tune_weights,
    write_arpa,
    write_binary,
)

TINY = Path(__file__).parents[1] / "lm" / "tiny.arpa"


def random_sentences(seed: int, words: str, count: int = 400) -> list[str]:
    """Sentences in which each word makes some followers likely."""
    draw = random.Random(seed)
    followers = {word: draw.sample(words, 3) for word in words}
    sentences = []
    for _ in range(count):
        sentence = [draw.choice(words)]
        while draw.random() < 0.85:
            sentence.append(draw.choice(followers[sentence[-1]] if draw.random() < 0.8 else words))
        sentences.append(" ".join(sentence))
    return sentences


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[NgramModel, NgramModel]:
    """A 3-gram of the words a to h and a 2-gram of the words e to l."""
    folder = tmp_path_factory.mktemp("lm")
    build_ngram(random_sentences(1, "abcdefgh"), folder / "a.arpa", order=3, discount_fallback=True)
    build_ngram(random_sentences(2, "efghijkl"), folder / "b.arpa", order=2, discount_fallback=True)
    return NgramModel.load(folder / "a.arpa"), NgramModel.load(folder / "b.arpa")


def assert_sums_to_one(ngrams: oracles.Ngrams) -> None:
    words = [gram[0] for gram in ngrams if len(gram) == 1 and gram != ("<s>",)]
    histories: set[tuple[str, ...]] = {(), *(gram for gram in ngrams if gram[-1] != "</s>" and len(gram) < 3)}
    for history in histories:
        total = sum(10 ** oracles.ngram_log10(ngrams, history, word) for word in words)
        assert total == pytest.approx(1.0, abs=1e-4), history


@pytest.mark.parametrize("through_binary", [False, True])
def test_arpa_text_comes_back_as_it_was(
    tmp_path: Path, models: tuple[NgramModel, NgramModel], through_binary: bool
) -> None:
    for model in (*models, NgramModel.load(TINY)):
        assert model.path is not None
        source = NgramModel.load(write_binary(model, tmp_path / "m.bin")) if through_binary else model
        before = oracles.read_arpa(model.path)
        after = oracles.read_arpa(write_arpa(source, tmp_path / "m.arpa"))
        assert after.keys() == before.keys()
        for gram, values in before.items():
            assert after[gram] == pytest.approx(values, abs=2e-6), gram


def test_pruning_keeps_a_distribution(tmp_path: Path, models: tuple[NgramModel, NgramModel]) -> None:
    model, _ = models
    sizes = []
    for threshold in (1e-9, 1e-4, 1e-3, 0.9):
        counts = prune_model(model, tmp_path / "pruned.arpa", threshold)
        ngrams = oracles.read_arpa(tmp_path / "pruned.arpa")
        assert tuple(sum(len(gram) == n for gram in ngrams) for n in (1, 2, 3)) == counts
        assert all(gram[1:] in ngrams and gram[:-1] in ngrams for gram in ngrams if len(gram) > 1)
        assert_sums_to_one(ngrams)
        sizes.append(sum(counts))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1] == model.counts[0]


def shares_of_words(ngrams: oracles.Ngrams) -> dict[str, float]:
    """How often each word stands in endless text that a 2-gram makes; "<s>" follows "</s>"."""
    words = [g[0] for g in ngrams if len(g) == 1]
    steps = np.zeros((len(words), len(words)))
    for i, history in enumerate(words):
        for k, word in enumerate(words):
            if history == "</s>":
                steps[i, k] = word == "<s>"
            elif word != "<s>":
                steps[i, k] = 10 ** oracles.ngram_log10(ngrams, (history,), word)
    shares = np.linalg.matrix_power(steps, 1000).mean(axis=0)
    return dict(zip(words, shares / (1 - shares[words.index("<s>")]), strict=True))


def loss_without(ngrams: oracles.Ngrams, gram: tuple[str, ...], shares: dict[str, float]) -> float:
    """Relative rise of the perplexity when a bigram goes, summed over all words by the definition."""
    history, words = gram[:1], [g[0] for g in ngrams if len(g) == 1 and g != ("<s>",)]
    listed = {g[1] for g in ngrams if len(g) == 2 and g[:1] == history and g != gram}
    before = {word: 10 ** oracles.ngram_log10(ngrams, history, word) for word in words}
    lower = {word: 10 ** ngrams[(word,)][0] for word in words}
    backoff = (1 - sum(before[w] for w in listed)) / (1 - sum(lower[w] for w in listed))
    after = {word: before[word] if word in listed else backoff * lower[word] for word in words}
    return math.expm1(shares[history[0]] * sum(before[w] * math.log(before[w] / after[w]) for w in words))


def test_pruning_drops_what_changes_little(tmp_path: Path, models: tuple[NgramModel, NgramModel]) -> None:
    _, model = models
    assert model.path is not None
    ngrams = oracles.read_arpa(model.path)
    shares = shares_of_words(ngrams)
    losses = {gram: loss_without(ngrams, gram, shares) for gram in ngrams if len(gram) == 2}
    threshold = sorted(losses.values())[len(losses) // 2] * 1.0001
    prune_model(model, tmp_path / "pruned.arpa", threshold)
    kept = oracles.read_arpa(tmp_path / "pruned.arpa")
    clear = {gram for gram, loss in losses.items() if abs(loss / threshold - 1) > 0.02}  # the shares are iterated
    assert len(clear) > 0.9 * len(losses)
    assert {gram for gram in clear if gram in kept} == {gram for gram in clear if losses[gram] >= threshold}


def test_a_mixture_is_the_weighted_mean(tmp_path: Path, models: tuple[NgramModel, NgramModel]) -> None:
    interpolate_models(models, tmp_path / "mixed.arpa", [1.0, 3.0])
    mixed = oracles.read_arpa(tmp_path / "mixed.arpa")
    parts = [oracles.read_arpa(model.path) for model in models if model.path is not None]
    assert mixed.keys() == parts[0].keys() | parts[1].keys()
    for gram, (log10_prob, _) in mixed.items():
        if gram == ("<s>",):
            continue
        expected = sum(
            weight * 10 ** oracles.ngram_log10(part, gram[:-1], gram[-1])
            for weight, part in zip((0.25, 0.75), parts, strict=True)
            if (gram[-1],) in part
        )
        assert 10**log10_prob == pytest.approx(expected, rel=1e-4), gram
    assert_sums_to_one(mixed)


def test_tuned_weights_are_the_best_of_a_grid(tmp_path: Path, models: tuple[NgramModel, NgramModel]) -> None:
    text = ["\n".join(random_sentences(1, "abcdefgh", 40) + random_sentences(2, "efghijkl", 20))]
    best, _ = tune_weights(models, text)
    assert 0.5 < best < 0.9
    found = {}
    for share in (best, *(round(0.1 * i, 1) for i in range(1, 10))):
        interpolate_models(models, tmp_path / "mixed.arpa", [share, 1 - share])
        found[share] = NgramModel.load(tmp_path / "mixed.arpa").perplexity(text).with_unknown
    assert found[best] <= min(found.values()) * 1.0005


def test_what_cannot_be_mixed_or_pruned_is_refused(tmp_path: Path, models: tuple[NgramModel, NgramModel]) -> None:
    output = tmp_path / "m.arpa"
    for weights in ([1.0], [1.0, 0.0], [1.0, float("nan")], [1.0, 1.0, 1.0]):
        with pytest.raises(ConfigError):
            interpolate_models(models, output, weights)
    with pytest.raises(ConfigError):
        interpolate_models(models[:1], output, [1.0])
    for threshold, name in itertools.product((0.0, -1.0, float("nan")), ("m.arpa", "m.bin")):
        with pytest.raises(ConfigError):
            prune_model(models[0], tmp_path / name, threshold)
    with pytest.raises(LanguageModelError, match="no text"):
        tune_weights(models, ["\n"])
    with pytest.raises(LanguageModelError, match="no model knows a word of the text"):
        tune_weights(models, ["A B C\nD"])  # ends of sentences alone tell nothing
    assert not any(tmp_path.iterdir())
