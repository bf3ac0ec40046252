"""N-gram queries: equal to the definition, to KenLM, and clear about broken files."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import os
import tracemalloc
from pathlib import Path

import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.errors import LanguageModelError, MissingPathError
from asrkit.language_model import NgramModel, files

ROOT = Path(__file__).parents[1]
TINY = ROOT / "lm" / "tiny.arpa"
REFERENCE = ROOT.parent / "shared" / "reference" / "lm"
WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "mat", "red", "is", "big", "end", "zebra"]


@pytest.fixture(scope="module")
def tiny() -> NgramModel:
    return NgramModel.load(TINY)


def test_tiny_scores_worked_out_by_hand(tiny: NgramModel) -> None:
    # <s> the cat: trigram -0.3979; "sat" after "the cat": -0.3010; </s> after "sat": back-offs of
    # "cat sat" -0.2218 and "sat" -0.2648, then the unigram -1.0.
    expected = -0.3010 - 0.3979 - 0.3010 + (-0.2218 - 0.2648 - 1.0)
    assert tiny.score("the cat sat") == pytest.approx(expected, abs=1e-5)


def test_shape_of_tiny(tiny: NgramModel) -> None:
    assert tiny.order == 3
    assert tiny.counts == (15, 20, 10)
    assert set(tiny.vocabulary) == {"<s>", "</s>", "<unk>", *WORDS[:-1]}


def test_tiny_probabilities_sum_to_one(tiny: NgramModel) -> None:
    words = [word for word in tiny.vocabulary if word != "<s>"]
    ngrams = oracles.read_arpa(TINY)
    for history in [(), ("<s>",), ("the",), ("<s>", "the"), ("the", "cat"), ("a", "red"), ("big", "dog")]:
        assert sum(10 ** oracles.ngram_log10(ngrams, history, w) for w in words) == pytest.approx(1, abs=2e-3)


@given(st.lists(st.sampled_from(WORDS), max_size=8), st.booleans(), st.booleans())
def test_queries_follow_the_definition(tiny: NgramModel, words: list[str], bos: bool, eos: bool) -> None:
    ngrams = oracles.read_arpa(TINY)
    history: list[str] = ["<s>"] if bos else []
    expected = []
    for word in words + ["</s>"] * eos:
        expected.append(oracles.ngram_log10(ngrams, tuple(history), word))
        history.append(word)
    scores = tiny.score_words(" ".join(words), bos=bos, eos=eos)
    assert [score for score, _ in scores] == pytest.approx(expected, abs=1e-5)
    assert [known for _, known in scores][: len(words)] == [word != "zebra" for word in words]


@given(st.text(st.sampled_from("the cat\t\n\r\v\f\x1c\x85\u00a0ß"), max_size=30))
def test_a_sentence_is_the_sum_of_its_words_whatever_it_holds(tiny: NgramModel, sentence: str) -> None:
    assert tiny.score(sentence) == sum(log10_prob for log10_prob, _ in tiny.score_words(sentence))


@st.composite
def arpa_texts(draw: st.DrawFn) -> tuple[str, int]:
    """A random model over few words, in which every suffix and prefix relation can occur."""
    words = ["a", "b", "c"]
    order = draw(st.integers(1, 4))
    number = st.integers(-3000, -1).map(lambda n: n / 1000)
    levels = [[("<unk>",), ("<s>",), ("</s>",), *((w,) for w in words)]]
    for _ in range(order - 1):
        candidates = [(*g, w) for g in levels[-1] if g[-1] != "</s>" for w in [*words, "</s>"]]
        levels.append(draw(st.lists(st.sampled_from(candidates), unique=True, max_size=12)) if candidates else [])
    lines = ["\\data\\", *(f"ngram {k}={len(level)}" for k, level in enumerate(levels, 1))]
    for k, level in enumerate(levels, 1):
        lines += ["", f"\\{k}-grams:"]
        for gram in level:
            backoff = draw(st.sampled_from(["", "\t0", f"\t{draw(number)}"])) if k < order else ""
            lines.append(f"{draw(number)}\t{' '.join(gram)}{backoff}")
    return "\n".join([*lines, "", "\\end\\", ""]), order


@settings(max_examples=60, deadline=None)
@given(arpa_texts(), st.lists(st.sampled_from(["a", "b", "c", "x"]), max_size=9))
def test_random_models_follow_the_definition(
    tmp_path_factory: pytest.TempPathFactory, model: tuple[str, int], words: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.arpa"
    path.write_text(model[0])
    sentence = " ".join(words)
    assert NgramModel.load(path).score(sentence) == pytest.approx(
        oracles.sentence_log10(oracles.read_arpa(path), sentence), abs=1e-4
    )


def zstandard_compress(content: bytes) -> bytes:
    return bytes(pytest.importorskip("zstandard", reason="zstandard is not installed").compress(content))


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress), (".zst", zstandard_compress)],
)
def test_compressed_files_load(tmp_path: Path, tiny: NgramModel, suffix: str, compress: object) -> None:
    path = tmp_path / f"tiny.arpa{suffix}"
    path.write_bytes(compress(TINY.read_bytes()))  # type: ignore[operator]
    assert NgramModel.load(path).score("the cat sat") == tiny.score("the cat sat")
    path.write_bytes(compress(TINY.read_bytes()[:500]) + compress(TINY.read_bytes()[500:]))  # type: ignore[operator]
    assert NgramModel.load(path).score("the cat sat") == tiny.score("the cat sat")
    for damaged in (path.read_bytes()[:60], path.read_bytes()[:-9], b"\\data\\\n"):
        path.write_bytes(damaged)
        with pytest.raises(LanguageModelError, match="cannot be read"):
            NgramModel.load(path)


def test_an_editor_may_have_left_a_byte_order_mark(tmp_path: Path, tiny: NgramModel) -> None:
    (tmp_path / "m.arpa").write_bytes(b"\xef\xbb\xbf" + TINY.read_bytes())
    assert NgramModel.load(tmp_path / "m.arpa").score("the cat sat") == tiny.score("the cat sat")


def test_scores_equal_kenlm(tiny: NgramModel) -> None:
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed")
    peer = kenlm.Model(str(TINY))
    for sentence in ["the cat sat on the mat", "a red zebra ran", "zebra zebra the", "", "end end end"]:
        for bos in (True, False):
            assert tiny.score(sentence, bos=bos) == pytest.approx(peer.score(sentence, bos=bos, eos=True), abs=1e-4)


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference models are not here")
def test_scores_equal_lmplz_and_query_on_a_real_model() -> None:
    model = NgramModel.load(REFERENCE / "lmplz.3gram.arpa.xz")
    assert model.counts == (13_860, 99_790, 171_004)
    for line in (REFERENCE / "heldout.txt").read_text().splitlines():
        expected, sentence = line.split("\t")
        assert model.score(sentence) == pytest.approx(float(expected), abs=1e-4)


def test_a_model_without_unknown_word_scores_it_as_kenlm_does(tmp_path: Path) -> None:
    path = tmp_path / "no_unk.arpa"
    path.write_text("\\data\\\nngram 1=3\n\n\\1-grams:\n-1\t<s>\n-1\t</s>\n-0.5\ta\n\n\\end\\\n")
    assert NgramModel.load(path).score_words("b a", eos=False) == [(-100.0, False), (-0.5, True)]


HEAD = "\\data\\\nngram 1=4\nngram 2=1\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\t-0.5\n-1\t</s>\n"
REST = "-0.5\ta\t-0.2\n\n\\2-grams:\n-0.1\t<s> a\n\n\\end\\\n"


@pytest.mark.parametrize("strange", ["\x85", "\xa0", "\u2003", "\u3000"])
def test_only_ascii_spaces_part_words(strange: str, tmp_path: Path) -> None:
    """NeMo's models write tokens as such characters; a sentence is split as a text is."""
    text = HEAD.replace("1=4", "1=5") + REST.replace("-0.5\ta", f"-0.7\tb{strange}c\n-0.5\ta")
    (tmp_path / "m.arpa").write_text(text, encoding="utf-8")
    model = NgramModel.load(tmp_path / "m.arpa")
    assert [known for _, known in model.score_words(f"a b{strange}c a")] == [True] * 4
    assert model.score(f"b{strange}c b{strange}c") == pytest.approx(-0.5 - 0.7 - 0.7 - 1)
    assert model.perplexity([f"a b{strange}c"]).words == 2


@pytest.mark.parametrize("has_end", [True, False])
def test_the_recipe_that_adds_an_end_of_sentence_changes_nothing_else(has_end: bool, tmp_path: Path) -> None:
    """Hugging Face's recipe for wav2vec2 copies the line of <s> as one of </s>, whether there is one or not."""
    end = "-1\t</s>\n" if has_end else ""
    text = f"\\data\\\nngram 1={3 + has_end}\nngram 2=1\n\n\\1-grams:\n-1\t<unk>\n0\t<s>\t-0.5\n{end}" + REST
    changed = text.replace("<s>\t-0.5\n", "<s>\t-0.5\n0\t</s>\t-0.5\n").replace(f"1={3 + has_end}", f"1={4 + has_end}")
    (tmp_path / "changed.arpa").write_text(changed)
    model = NgramModel.load(tmp_path / "changed.arpa")
    assert model.score("a a") == pytest.approx(-0.1 - 0.2 - 0.5 + (-0.2 - 1 if has_end else -0.2))
    assert list(model.vocabulary).count("</s>") == 1
    if has_end:
        (tmp_path / "plain.arpa").write_text(text)
        plain = NgramModel.load(tmp_path / "plain.arpa")
        assert (plain.counts, plain.score("a b a")) == (model.counts, model.score("a b a"))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("hello\n", 1, "not an ARPA file"),
        ("\\data\\\nngram 1=x\n", 2, "expected a line such as"),
        ("\\data\\\nngram 2=4\n", 2, "orders must be listed"),
        ("\\data\\\nngram 1=99999999999\n", 2, "too short"),
        ("\\data\\\n\n\\1-grams:\n", 3, "no n-gram counts"),
        (HEAD + REST.replace("-0.5\ta", "nan\ta"), 9, "not a finite number"),
        (HEAD + REST.replace("-0.5\ta", "1e999\ta"), 9, "not a finite number"),
        (HEAD + REST.replace("-0.5\ta", "0.5\ta"), 9, "positive"),
        (HEAD + REST.replace("-0.5\ta", "-10001\ta"), 9, "log10 probability is out of range"),
        (HEAD + REST.replace("-0.5\ta", "-1e300\ta"), 9, "log10 probability is out of range"),
        (HEAD + REST.replace("-0.1\t<s> a", "-1e5\t<s> a"), 12, "log10 probability is out of range"),
        (HEAD + REST.replace("-0.2", "1e39"), 9, "back-off is out of range"),
        (HEAD + REST.replace("-0.2", "20.1"), 9, "back-off is out of range"),
        (HEAD + REST.replace("-0.2", "-1e9"), 9, "back-off is out of range"),
        (HEAD + REST.replace("-0.2", "inf"), 9, "back-off is not a finite number"),
        (HEAD + REST.replace("-0.2", "-0.2 -0.3"), 9, "more fields"),
        (HEAD + REST.replace("\ta\t", "\t<s>\t"), 9, "'<s>' is listed twice"),
        (HEAD + REST.replace("\ta\t", "\ta\udc80\t"), 9, "not valid UTF-8"),
        (HEAD + REST.replace("<s> a\n", "<s> b\n"), 12, "'b' is not among the 1-grams"),
        (HEAD + REST.replace("<s> a\n", "<s>\n"), 12, "expected 2 words"),
        (HEAD + REST.replace("-0.1\t<s> a", "-0.1\t<s> a\n-0.1\ta a"), 13, "more n-grams"),
        (HEAD + REST.replace("-0.1\t<s> a\n", ""), 13, "has 0 n-grams, the header says 1"),
        (HEAD + "-0.5\ta\t-0.2\n", 9, "cut off"),
        (HEAD.replace("2=1", "2=2") + REST.replace("<s> a\n", "<s> a\n-0.2\t<s> a\n"), 13, "listed twice"),
        (HEAD.replace("<s>", "<t>") + REST.replace("<s>", "<t>"), 14, "<s> or </s> is not among"),
    ],
)
def test_broken_files_are_named_by_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "broken.arpa"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(LanguageModelError) as caught:
        NgramModel.load(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert message in str(caught.value)


def test_missing_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(MissingPathError, match="no such language model"):
        NgramModel.load(tmp_path / "none.arpa")
    for name in ("empty.arpa", "empty.bin", "empty.arpa.gz"):
        (tmp_path / name).touch()
        with pytest.raises(LanguageModelError, match=f"{name}: the file is empty"):
            NgramModel.load(tmp_path / name)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("pipe.arpa", "pipe.arpa.gz"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(LanguageModelError, match="this is no file"):
            NgramModel.load(tmp_path / name)
    with pytest.raises(LanguageModelError, match="this is no file"):
        NgramModel.load(tmp_path)


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)]
)
def test_what_unpacks_to_more_than_a_model_does_is_refused_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, compress: object
) -> None:
    monkeypatch.setattr(files, "_FREE_BYTES", 1 << 20)
    monkeypatch.setattr(files, "_READ_BYTES", 1 << 16)
    path = tmp_path / f"bomb.arpa{suffix}"
    path.write_bytes(compress(b"\\data\\\n" + bytes(1 << 25)))  # type: ignore[operator]
    tracemalloc.start()
    with pytest.raises(LanguageModelError, match=rf"^{path}: unpacks to over 50 times its size"):
        NgramModel.load(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 20 << 20  # xz keeps 8 MB of its own
    path.write_bytes(compress(TINY.read_bytes()))  # type: ignore[operator]
    assert NgramModel.load(path).order == 3


def test_an_error_that_quotes_bytes_of_no_encoding_is_still_an_error(tmp_path: Path) -> None:
    (tmp_path / "damaged.arpa").write_bytes(TINY.read_bytes().replace(b"the cat", b"the c\x80t", 1))
    with pytest.raises(LanguageModelError, match=r"\\x80"):
        NgramModel.load(tmp_path / "damaged.arpa")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damage_to_a_file_crashes_the_reader(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    damaged = bytearray(TINY.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.arpa"
    path.write_bytes(damaged[: data.draw(st.integers(1, len(damaged)))])
    try:
        score = NgramModel.load(path).score("the cat sat on the mat")
    except LanguageModelError:
        return
    assert math.isfinite(score)
