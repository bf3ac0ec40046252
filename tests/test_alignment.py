"""Known text against emissions that are made from texts, so that every time is known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.alignment import Aligner, read_tokens
from asrkit.alignment.anchors import find_blocks
from asrkit.alignment.lattice import Speller
from asrkit.alignment.paths import Batch, states_of, widen
from asrkit.text import Alphabet, Symbols, WordRule, normalize
from asrkit.text.lexicon import Lexicon

INF = float("inf")
LETTERS = Alphabet("abcdefghijklmnopqrstuvwxyz ")
PIECES = Symbols(("<blk>", *(f"▁{c}" for c in "abcdefgh"), *"abcdefgh", "ab", "▁cd"), 0, WordRule.PIECE)
SIGNS = Symbols(("<blk>", *"一二三四五六七八九"), 0, WordRule.NONE)
PHONES = Symbols(("HH", "AY", "B", "IY", "|", "<blk>"), 5, WordRule.BAR)
LEXICON = Lexicon((("hi", ("HH", "AY")), ("be", ("B", "IY")), ("be", ("B", "AY"))))


def outputs_of(text: str, symbols: Symbols) -> list[int]:
    """The outputs of a text, a letter each."""
    if symbols.words is WordRule.PIECE:
        text = "".join(f"▁{word[0]} " + " ".join(word[1:]) + " " for word in text.split())
        return [symbols.labels.index(piece) for piece in text.split()]
    return [symbols.labels.index(character) for character in text]


def emissions_of(outputs: Sequence[int], symbols: Symbols, rng: random.Random, *, errors: float = 0.0) -> np.ndarray:
    """Each output for one step and a blank after it; with errors, another one is heard now and then."""
    heard = [rng.randrange(len(symbols)) if rng.random() < errors else output for output in outputs]
    steps = [step for output in heard for step in (output, symbols.blank_index)]
    values = np.random.default_rng(rng.randrange(1 << 30)).uniform(0.002, 0.01, (len(steps), len(symbols)))
    values[np.arange(len(steps)), steps] = 0.8
    return np.log(values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def words_of(count: int, seed: int, letters: str = "abcdefghijklmnopqrstuvwxyz") -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices(letters, k=rng.randint(2, 8))) for _ in range(count)]


def said_at(words: Sequence[str]) -> list[int]:
    """The step of the first letter of each word, of words with spaces between."""
    return [2 * (sum(map(len, words[:place])) + place) for place in range(len(words))]


def collapse(path: Sequence[int], blank: int) -> tuple[int, ...]:
    kept = [symbol for place, symbol in enumerate(path) if place == 0 or symbol != path[place - 1]]
    return tuple(symbol for symbol in kept if symbol != blank)


@settings(max_examples=30)
@given(steps=st.integers(1, 5), text=st.text("ab", min_size=1, max_size=3), seed=st.integers(0, 2**32 - 1))
def test_the_doubt_of_a_text_is_that_of_the_best_of_all_paths(steps: int, text: str, seed: int) -> None:
    emissions = np.log(np.random.default_rng(seed).dirichlet([0.5] * 3, steps)).astype(np.float32)
    labels = tuple("ab".index(character) for character in text)
    paths = [path for path in product(range(3), repeat=steps) if collapse(path, 2) == labels]
    best = max((sum(float(emissions[t, s]) for t, s in enumerate(path)) for path in paths), default=-np.inf)
    expected = (float(emissions.max(axis=1).sum()) - best) / len(text)
    assert Aligner(Alphabet("ab")).doubt(emissions, text) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_a_text_that_cannot_be_spelled_is_doubted_without_end() -> None:
    assert Aligner(Alphabet("ab")).doubt(np.zeros((3, 3), np.float32), "c") == np.inf


def test_words_are_found_where_they_are_said() -> None:
    words = words_of(40, 1)
    emissions = emissions_of(outputs_of(" ".join(words), LETTERS), LETTERS, random.Random(2))
    found = Aligner(LETTERS).align(emissions, words)
    assert [w.symbols for w in found.words] == [
        [(output, at + 2 * place, at + 2 * place + 1) for place, output in enumerate(outputs_of(word, LETTERS))]
        for at, word in zip(said_at(words), words, strict=True)
    ]
    assert all(w.end_step == w.symbols[-1][2] for w in found.words)
    assert min(w.confidence for w in found.words) > 0.99
    assert (found.extra, found.order, found.num_heard, found.num_sure) == ([], [(0, 40)], 40.0, 40)


def test_the_doubt_of_a_word_is_that_of_its_outputs() -> None:
    words = words_of(40, 1)
    emissions = emissions_of(outputs_of(" ".join(words), LETTERS), LETTERS, random.Random(2))
    strange = emissions_of(outputs_of("zqxjkvz", LETTERS), LETTERS, random.Random(3))
    steps = [said_at(words)[place] for place in (0, 7, 39)]  # of letters that are made unlikelier than the blank
    emissions[steps, LETTERS.blank_index] = emissions[steps].max(axis=1) + np.array([0.5, 1.0, 2.0])
    expected = dict.fromkeys(range(40), 0.0) | {
        place: more / len(words[place]) for place, more in ((0, 0.5), (7, 1.0), (39, 2.0))
    }
    at = said_at(words)[20]
    for around in (emissions, np.concatenate([strange, emissions[:at], strange, emissions[at:], strange])):
        found = Aligner(LETTERS).align(around, words)
        assert [word.doubt for word in found.words] == pytest.approx(list(expected.values()), abs=1e-5)
        assert found.words[7].confidence == pytest.approx(np.exp(-expected[7]), abs=1e-5)
    begin, end = len(strange) + at, 2 * len(strange) + at
    assert found.extra == [(0, 13), (begin, end - 1), (len(around) - 14, len(around) - 1)]
    for num_letters, extra in ((3, [(0, 5)]), (2, [])):  # what is beside the text, without doubt; two are a slip
        around = np.concatenate([4 * strange[: 2 * num_letters], emissions])
        assert Aligner(LETTERS).align(around, words).extra == extra


def test_a_word_starts_earlier_by_the_usual_gap_but_not_before_the_last_one_ends() -> None:
    words = words_of(30, 1)
    emissions = emissions_of(outputs_of(" ".join(words), LETTERS), LETTERS, random.Random(2))
    found = Aligner(LETTERS).align(emissions, words).words
    assert [word.start_step for word in found[1:]] == [word.end_step for word in found[:-1]]
    close = outputs_of(" ".join(words[:10]) + " ".join(words[10:]), LETTERS)  # and one that is not said in between
    emissions = emissions_of(close, LETTERS, random.Random(2))
    found = Aligner(LETTERS).align(emissions, [*words[:10], "zqxj", *words[10:]]).words
    assert [word.is_said for word in found] == [place != 10 for place in range(31)]
    assert found[11].start_step == found[9].end_step
    pause = emissions_of([LETTERS.blank_index] * 10, LETTERS, random.Random(3))
    emissions = emissions_of(outputs_of(" ".join(words), LETTERS), LETTERS, random.Random(2))
    for steps, start in ((20, 17), (2, 0)):  # the gap is one of three steps, and there are none before the first
        found = Aligner(LETTERS).align(np.concatenate([pause[:steps], emissions, pause, emissions]), words * 2).words
        assert (found[0].start_step, found[30].start_step) == (start, found[30].symbols[0][1] - 3)
    assert (
        Aligner(LETTERS).align(np.concatenate([pause, emissions[: 2 * len(words[0])]]), words[:1]).words[0].start_step
        == 20
    )


@pytest.mark.parametrize("errors", [0.0, 0.3])
def test_missing_and_extra_passages_do_not_move_the_words_around_them(errors: float) -> None:
    words = words_of(900, 3)
    emissions = emissions_of(outputs_of(" ".join(words), LETTERS), LETTERS, random.Random(4), errors=errors)
    strange = words_of(60, 5)
    text = [*words[:300], *words[340:600], *strange, *words[600:]]
    is_strange = [False] * 560 + [True] * 60 + [False] * 300
    truth = dict(enumerate([*said_at(words)[:300], *said_at(words)[340:600], *[-1] * 60, *said_at(words)[600:]]))
    found = Aligner(LETTERS).align(emissions, text)
    wrong = [
        place
        for place, word in enumerate(found.words)
        if word.is_said is is_strange[place] or (word.is_said and abs(word.symbols[0][1] - truth[place]) > 4)
    ]
    assert len(wrong) <= (0 if errors == 0 else 20), wrong
    said = [word for word in found.words if word.is_said]
    assert all(before.end_step <= after.start_step for before, after in pairwise(said))
    assert {(word.start_step, word.end_step, word.doubt) for word in found.words if not word.is_said} == {(-1, -1, INF)}
    assert found.extra == sorted(found.extra)
    (gap,) = [span for span in found.extra if span[1] - span[0] > 100]
    begin, end = said_at(words)[300], said_at(words)[340]
    assert abs(gap[0] - begin) <= 20
    assert abs(gap[1] - end) <= 20


def test_parts_in_another_order_are_all_found() -> None:
    parts = [words_of(200, seed) for seed in range(4)]
    heard = [word for place in (2, 0, 3, 1) for word in parts[place]]
    emissions = emissions_of(outputs_of(" ".join(heard), LETTERS), LETTERS, random.Random(4), errors=0.2)
    text = [word for part in parts for word in part]
    found = Aligner(LETTERS).align(emissions, text, breaks=[0, 200, 400, 600])
    assert found.order == [(400, 600), (0, 200), (600, 800), (200, 400)]
    at = dict(zip([2, 0, 3, 1], np.array_split(said_at(heard), 4), strict=True))
    truth = np.concatenate([at[place] for place in range(4)])
    off = [abs(w.symbols[0][1] - t) for w, t in zip(found.words, truth, strict=True) if w.is_said]
    assert len(off) > 780
    assert np.quantile(off, 0.99) <= 4


@pytest.mark.parametrize(("num_heard", "num_written"), [(1, 2), (2, 1), (2, 2)])
def test_what_is_said_or_written_twice_is_found(num_heard: int, num_written: int) -> None:
    words = words_of(1_200, 3)
    heard = words * num_heard
    emissions = emissions_of(outputs_of(" ".join(heard), LETTERS), LETTERS, random.Random(4), errors=0.1)
    found = Aligner(LETTERS).align(emissions, words * num_written)
    said = [word for word in found.words if word.is_said]
    assert len(said) >= 0.95 * len(words) * min(num_heard, num_written)
    places = {at: place % len(words) for place, at in enumerate(said_at(heard))}
    right = [
        places.get(word.symbols[0][1], -1) == place % len(words)
        for place, word in enumerate(found.words)
        if word.is_said
    ]
    assert np.mean(right) > 0.95


def test_a_chapter_of_a_long_book_is_found_up_to_its_first_and_last_words() -> None:
    words = words_of(18_000, 7)
    chapter = words[9_000:9_060]
    emissions = emissions_of(outputs_of(" ".join(chapter), LETTERS), LETTERS, random.Random(2), errors=0.25)
    found = Aligner(LETTERS).align(emissions, words)
    alone = Aligner(LETTERS).align(emissions, chapter)
    said, said_alone = ({p for p, word in enumerate(of.words) if word.is_said} for of in (found, alone))
    assert len(said & {place + 9_000 for place in said_alone}) >= len(said_alone) - 2
    assert len(said) <= len(said_alone) + 1
    assert all(begin < end for begin, end in found.extra)


def test_a_text_of_something_else_is_not_found() -> None:
    emissions = emissions_of(outputs_of(" ".join(words_of(300, 1)), LETTERS), LETTERS, random.Random(2))
    assert Aligner(LETTERS).align(emissions, words_of(300, 9)).agreement < 0.2
    assert Aligner(LETTERS).align(emissions[:60], words_of(6, 9)).agreement < 0.2
    assert Aligner(LETTERS).align(emissions[:60], words_of(60, 9)).order == []  # in so much, something would be found


@pytest.mark.parametrize(("num_words", "num_steps"), [(0, 40), (3, 0), (0, 0), (30, 20)])
def test_nothing_to_align_is_no_error(num_words: int, num_steps: int) -> None:
    words = words_of(num_words, 1)
    emissions = emissions_of(outputs_of(" ".join(words_of(30, 1)), LETTERS), LETTERS, random.Random(2))[:num_steps]
    found = Aligner(LETTERS).align(emissions, words)
    assert len(found.words) == num_words
    assert all(word.end_step <= num_steps for word in found.words)
    if num_steps and not num_words:
        assert len(found.extra) == 1


def test_a_word_that_cannot_be_spelled_takes_what_is_said_between_its_neighbors() -> None:
    words = words_of(12, 1)
    emissions = emissions_of(outputs_of(" ".join(words), LETTERS), LETTERS, random.Random(2))
    found = Aligner(LETTERS).align(emissions, [*words[:5], "мир", *words[6:]]).words
    assert [word.is_spelled for word in found] == [place != 5 for place in range(12)]
    assert found[5].confidence == 0.0
    at = said_at(words)[5]
    assert abs(found[5].symbols[0][1] - at) <= 4
    assert found[6].symbols[0][1] == said_at(words)[6]


@pytest.mark.parametrize(
    ("written", "heard"),
    [("ABC", "abc"), ("Äbc", "abc"), ("a-b.c", "abc"), ("ﬁ", "fi")],
    ids=["case", "accent", "sign", "ligature"],
)
def test_words_are_folded_to_the_letters_of_the_outputs(written: str, heard: str) -> None:
    assert Speller(LETTERS).fold(written) == heard


def test_pieces_may_spell_a_word_in_any_way() -> None:
    words = words_of(30, 2, "abcdefgh")
    emissions = emissions_of(outputs_of(" ".join(words), PIECES), PIECES, random.Random(2))
    found = Aligner(PIECES).align(emissions, words).words
    assert [word.symbols[0][1] for word in found] == [2 * sum(map(len, words[:place])) for place in range(30)]


def test_characters_without_spaces_are_words() -> None:
    text = "一二三四五六七八九九八七六五"
    emissions = emissions_of(outputs_of(text, SIGNS), SIGNS, random.Random(2))
    assert [word.symbols[0][1] for word in Aligner(SIGNS).align(emissions, list(text)).words] == [*range(0, 28, 2)]


def test_words_of_a_lexicon_are_heard_in_each_of_their_ways() -> None:
    heard = [0, 1, 4, 2, 1, 4, 2, 3]  # hi, be said as "by", be
    found = Aligner(PHONES, LEXICON).align(emissions_of(heard, PHONES, random.Random(1)), ["hi", "be", "Be", "far"])
    assert found.order == [(0, 4)]
    assert [[output for output, *_ in word.symbols] for word in found.words[:3]] == [[0, 1], [2, 1], [2, 3]]
    assert [word.is_spelled for word in found.words] == [True, True, True, False]
    score = Aligner(PHONES, LEXICON).log_prob(emissions_of(heard[:5], PHONES, random.Random(1)), "hi be")
    assert score is not None and score > -8.0
    assert Aligner(PHONES, LEXICON).log_prob(np.zeros((3, 6), np.float32), "far") is None


@pytest.mark.parametrize("heard_as", [" ", "<wb>"])
def test_whichever_output_divides_words_it_costs_none_of_them(heard_as: str) -> None:
    symbols = Symbols(("HH", "AY", "B", "IY", " ", "<wb>", "<unk>", "<blk>"), 7, WordRule.SPACE, frozenset({6}))
    assert symbols.spaces == (4, 5)
    heard = [symbols.labels.index(label) for label in ("HH", "AY", heard_as, "B", "IY", "<unk>")]
    emissions = np.repeat(emissions_of(heard, symbols, random.Random(1)), 4, axis=0)  # and long
    found = Aligner(symbols, LEXICON).align(emissions, ["hi", "be"])
    assert [word.confidence for word in found.words] == [1.0, 1.0]
    assert [[span[1:] for span in word.symbols] for word in found.words] == [[(0, 4), (8, 12)], [(24, 28), (32, 36)]]
    score = Aligner(symbols, LEXICON).log_prob(emissions[:-8], "hi be")
    assert score is not None
    assert score > -10.0


def test_texts_are_scored_in_the_case_of_the_outputs() -> None:
    capitals = Alphabet("ABC ")
    emissions = emissions_of([0, 1, 3, 2], capitals, random.Random(1))
    aligner = Aligner(capitals)
    score = aligner.log_prob(emissions, "AB C")
    assert score is not None
    assert aligner.log_prob(emissions, "ab c") == score
    assert aligner.log_prob(emissions, "äb c") is None  # what no output writes is something else
    assert Aligner(LETTERS).log_prob(emissions_of([0, 1], LETTERS, random.Random(1)), "AB") is not None
    loud = Lexicon((("HI", ("HH", "AY")),))
    assert Speller(PHONES, loud).fold("hi") == "HI"
    signs = emissions_of([1, 2], SIGNS, random.Random(1))  # characters are scored as words, with spaces between
    assert Aligner(SIGNS).log_prob(signs, "一 二") == Aligner(SIGNS).log_prob(signs, "一二")


def test_texts_searched_side_by_side_have_the_paths_they_have_alone() -> None:
    speller, blank = Speller(LETTERS), LETTERS.blank_index
    items = []
    for seed in range(6):
        words = words_of(3 + seed, seed)
        emissions = emissions_of(outputs_of(" ".join(words), LETTERS), LETTERS, random.Random(seed), errors=0.4)
        states = states_of(speller.spell_words(words), len(LETTERS), blank, list(map(len, words)))
        items.append((states, widen(emissions, [blank, *LETTERS.spaces])))
    for together, item in zip(Batch(items).run(), items, strict=True):
        (alone,) = Batch([item]).run()
        assert together is not None
        assert np.array_equal(together, alone)


@settings(max_examples=40)
@given(
    text=st.lists(st.integers(0, 30), min_size=20, max_size=300), seed=st.integers(0, 99), errors=st.floats(0.0, 0.5)
)
def test_anchors_are_equal_in_both_and_in_order(text: list[int], seed: int, errors: float) -> None:
    rng = random.Random(seed)
    heard = np.array([rng.randint(0, 30) if rng.random() < errors else unit for unit in text])
    for block in find_blocks(heard, np.array(text)):
        for match in block.matches:
            same = heard[match.heard : match.ends[0]] == np.array(text)[match.text : match.ends[1]]
            assert match.length > 0
            assert same.all()
        for before, after in zip(block.matches, block.matches[1:], strict=False):
            assert before.ends[0] <= after.heard
            assert before.ends[1] <= after.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, Mr. Smith!", [("Hello,", "hello"), ("Mr.", "mister"), ("Smith!", "smith")]),
        ("It cost $3 million.", [("It", "it"), ("cost", "cost"), ("$3", "three"), ("million.", "million dollars")]),
        ("In 1999, 21 men", [("In", "in"), ("1999,", "nineteen ninety nine"), ("21", "twenty one"), ("men", "men")]),
        ("— yes — no", [("— yes —", "yes"), ("no", "no")]),
        ("…", []),
        ("", []),
    ],
)
def test_what_is_written_keeps_its_surface(text: str, expected: list[tuple[str, str]]) -> None:
    tokens = read_tokens(text, normalize)
    assert (
        " ".join(token.written for token in tokens).replace("\u00a0", " ")
        == " ".join(written for written, _ in expected)
        or "$" in text
    )
    assert " ".join(" ".join(token.said) for token in tokens) == " ".join(said for _, said in expected)


def test_parts_begin_after_empty_lines() -> None:
    tokens = read_tokens("a b\nc\n\n***\n\nd e", normalize)
    assert [token.begins_part for token in tokens] == [True, False, False, True, False]


def test_signs_without_spaces_are_tokens() -> None:
    tokens = read_tokens("二三。 四", lambda text: text.replace("。", ""), divides_words=False)
    assert [(token.written, token.said) for token in tokens] == [("二", ("二",)), ("三。", ("三",)), ("四", ("四",))]
