"""Estimation: equal to the definition and to lmplz, a probability distribution, and clear about bad text."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_kneser_ney import KneserNeyOracle

from asrkit.cli import main
from asrkit.errors import AsrkitError, ConfigError, LanguageModelError
from asrkit.language_model import BuildReport, NgramModel, TextSource, build_ngram, text_source
from asrkit.text.normalizer import get_normalizer

REFERENCE = Path(__file__).parents[2] / "shared" / "reference" / "lm"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the answers of lmplz are not here")

SENTENCES = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=7).map(" ".join), min_size=1, max_size=25)


def build(tmp_path: Path, sentences: list[str], **options: object) -> dict[tuple[str, ...], tuple[float, float]]:
    path = tmp_path / "model.arpa"
    build_ngram(["\n".join(sentences)], path, discount_fallback=True, **options)  # type: ignore[arg-type]
    return oracles.read_arpa(path)


@given(sentences=SENTENCES, order=st.integers(1, 4), threshold=st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_equals_the_definition(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[str], order: int, threshold: int
) -> None:
    if max(len(sentence.split()) for sentence in sentences) + 2 < order:
        return
    prune = [0, *[threshold] * (order - 1)]
    model = build(tmp_path_factory.mktemp("lm"), sentences, order=order, prune=prune)
    oracle = KneserNeyOracle(sentences, order, prune)
    assert set(model) == oracle.kept
    for gram, (log10_prob, log10_backoff) in model.items():
        assert 10**log10_prob == pytest.approx(oracle.probability(gram), rel=1e-5), gram
        if len(gram) < order:
            assert 10**log10_backoff == pytest.approx(oracle.backoff(gram), rel=1e-5), gram


def test_a_limited_vocabulary_drops_ngrams_with_other_words(tmp_path: Path) -> None:
    sentences = ["a b c", "a b d", "b c d", "a c"] * 3
    model = build(tmp_path, sentences, vocabulary=["a", "b", "unseen"])
    oracle = KneserNeyOracle(sentences, 3, keep={"a", "b"})
    assert set(model) == oracle.kept
    assert all(10 ** model[gram][0] == pytest.approx(oracle.probability(gram), rel=1e-5) for gram in model)
    assert set(build(tmp_path, [*sentences, "b"], max_vocabulary=2)) == {
        gram for gram in oracle.kept | {("<s>", "b", "</s>")} if not {"c", "d"} & set(gram)
    } | ({("b", "</s>")})


@given(sentences=SENTENCES, threshold=st.integers(0, 1))
@settings(max_examples=25, deadline=None)
def test_probabilities_sum_to_one(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[str], threshold: int
) -> None:
    model = build(tmp_path_factory.mktemp("lm"), sentences, order=2, prune=[0, threshold])
    words = [gram[0] for gram in model if len(gram) == 1 and gram != ("<s>",)]
    for history in itertools.chain([()], ((word,) for word in [*words, "<s>"] if word != "</s>")):
        total = sum(10 ** oracles.ngram_log10(model, history, word) for word in words)
        assert total == pytest.approx(1.0, abs=1e-5), history


@needs_reference
@pytest.mark.parametrize(
    ("prune", "reference"), [((), "lmplz.3gram.arpa.xz"), ((0, 0, 1), "lmplz.3gram.pruned.arpa.xz")]
)
def test_equals_lmplz(tmp_path: Path, prune: tuple[int, ...], reference: str) -> None:
    text = lzma.decompress((REFERENCE / "train.txt.xz").read_bytes()).decode()
    build_ngram([text], tmp_path / "ours.arpa", order=3, prune=prune, memory_mb=1)  # little memory: runs go to disk
    (tmp_path / "theirs.arpa").write_bytes(lzma.decompress((REFERENCE / reference).read_bytes()))
    ours, theirs = (oracles.read_arpa(tmp_path / name) for name in ("ours.arpa", "theirs.arpa"))
    assert ours.keys() == theirs.keys()
    assert max(abs(ours[g][0] - theirs[g][0]) for g in theirs) < 1e-5
    assert max(abs(ours[g][1] - theirs[g][1]) for g in theirs) < 1e-5


def test_memory_does_not_change_the_model(tmp_path: Path) -> None:
    text = "\n".join(f"w{i * i % 97} w{i % 31} w{i * 7 % 53} w{i % 11}" for i in range(40_000))
    models = []
    for memory_mb in (1, 512):
        build_ngram([text], tmp_path / "m.arpa", order=4, memory_mb=memory_mb, discount_fallback=True)
        models.append((tmp_path / "m.arpa").read_bytes())
    assert models[0] == models[1]


def test_blocks_of_text_do_not_change_the_model(tmp_path: Path) -> None:
    sentences = ["a b c", "c b a", "a a b", "b c"]
    assert build(tmp_path, sentences) == build(tmp_path, ["", *sentences, "", "  "])
    report = build_ngram([*sentences, "", "a\r\n b "], tmp_path / "m.arpa", order=2, discount_fallback=True)
    assert (report.sentences, report.words) == (6, 13)


def test_a_discount_of_nothing_is_one(tmp_path: Path) -> None:
    """Of 4, 3, 5 and 3 words with counts of 1 to 4 (one is </s>), a count of 2 loses exactly 0."""
    counts = [1] * 3 + [2] * 3 + [3] * 5 + [4] * 3
    text = " ".join(f"w{i}" for i, count in enumerate(counts) for _ in range(count))
    report = build_ngram([text], tmp_path / "m.arpa", order=1)
    assert report.discounts == (pytest.approx((0.4 * 1.5 / 1.5 * 1.0, 0.0, 3 - 4 * 0.4 * 3 / 5)),)
    assert report.discounts[0][1] == 0.0


def test_compressed_models_hold_the_same(tmp_path: Path) -> None:
    for name in ("m.arpa", "m.arpa.gz", "m.arpa.xz"):
        build_ngram(["a b c\nb c"], tmp_path / name, order=2, discount_fallback=True)
    plain = (tmp_path / "m.arpa").read_bytes()
    assert gzip.decompress((tmp_path / "m.arpa.gz").read_bytes()) == plain
    assert lzma.decompress((tmp_path / "m.arpa.xz").read_bytes()) == plain


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "there is no text"),
        ("\n \n", {}, "there is no text"),
        ("word", {}, "--discount-fallback"),
        ("word", {"order": 5, "discount_fallback": True}, "order 5 is too high"),
        ("a b\n" * 9, {}, "--discount-fallback"),
        ("a <unk> b", {"discount_fallback": True}, "<unk> stands in the text"),
        ("a b", {"vocabulary": []}, "the vocabulary is empty"),
    ],
)
def test_unusable_text_is_refused(tmp_path: Path, text: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(LanguageModelError, match=message):
        build_ngram([text], tmp_path / "m.arpa", **options)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("names", "named"), [(["a"], "a.txt"), (["a", "b", "c"], "a.txt and 2 more")])
def test_text_without_a_word_is_named(tmp_path: Path, names: list[str], named: str) -> None:
    paths = [tmp_path / f"{name}.txt" for name in names]
    for path in paths:
        path.write_text("\n")
    with pytest.raises(LanguageModelError, match="there is no text") as caught:
        build_ngram(TextSource(paths, normalizer=None), tmp_path / "m.arpa")
    assert str(caught.value.path) == str(tmp_path / named)
    paths[0].write_text("a b\n")
    with pytest.raises(LanguageModelError, match="no word of the vocabulary is in the text"):
        build_ngram(["a b"], tmp_path / "m.arpa", vocabulary=["A"], order=1, discount_fallback=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 0}, "order must lie between 1 and 6, not 0"),
        ({"order": 7}, "order must lie between 1 and 6, not 7"),
        ({"prune": (1, 1, 1)}, "prune must begin with 0"),
        ({"prune": (-1,)}, "prune must begin with 0"),
        ({"prune": (0, 2, 1)}, "prune must not fall"),
        ({"prune": (0, 0, 0, 1)}, "prune has 4 numbers for 3 orders"),
        ({"max_vocabulary": 0}, "max_vocabulary must be positive, not 0"),
        ({"max_vocabulary": 5, "vocabulary": ["a"]}, "not both"),
        ({"memory_mb": 0}, "memory_mb must be positive, not 0"),
        ({"memory_mb": 10**12 + 1}, "at most, not 1000000000001"),
        ({"max_vocabulary": 10**12 + 1}, "at most, not 1000000000001"),
        ({"prune": (0, 10**12 + 1)}, "at most, not 1000000000001"),
        ({"output": "m.bin"}, "m.bin"),
    ],
)
def test_settings_out_of_range_are_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    output = tmp_path / str(options.pop("output", "m.arpa"))
    with pytest.raises(ConfigError, match=message):
        build_ngram(["a b c"], output, **options)  # type: ignore[arg-type]


def test_settings_at_the_ends_of_their_ranges_are_taken(tmp_path: Path) -> None:
    text, output = ["a b c d e f", "a b c d e f", "a b"], tmp_path / "m.arpa"
    report = build_ngram(text, output, order=6, prune=(0, 10**12), memory_mb=1, discount_fallback=True)
    assert report.ngrams == (9, 0, 0, 0, 0, 0)
    assert build(tmp_path, text, prune=[0, 1]) == build(tmp_path, text, prune=[0, 1, 1])
    assert build_ngram(text, output, order=1, max_vocabulary=1, discount_fallback=True).ngrams == (4,)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"good\nbad\0line\n", {}, r"t\.txt:2: .*NUL byte"),
        (b"good\ngood\n\xff\xfe\n", {}, r"t\.txt:3: not valid UTF-8"),
        (b"a\nb </s>\n", {"normalizer": None}, r"t\.txt:2: </s> marks"),
        (b"abc\nabd\n", {"alphabet": "abc "}, r"t\.txt:2: the alphabet cannot spell 'abd'"),
    ],
)
def test_bad_text_is_named_with_its_line(
    tmp_path: Path, content: bytes, options: dict[str, object], message: str
) -> None:
    (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(LanguageModelError, match=message):
        list(TextSource([tmp_path / "t.txt"], **{"normalizer": get_normalizer("standard"), **options}))  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ".zst"])
def test_compressed_text_is_read_as_it_is(tmp_path: Path, suffix: str) -> None:
    if suffix == ".zst":
        zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed (pip install zstandard)")
        compress = zstandard.compress
    else:
        compress = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}[suffix]
    (tmp_path / f"t.txt{suffix}").write_bytes(compress(b"some words\n" * 1_000))
    assert "".join(TextSource([tmp_path / f"t.txt{suffix}"], normalizer=None)) == "some words\n" * 1_000


def test_text_of_zstandard_that_was_cut_is_refused(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed (pip install zstandard)")
    text = b"".join(b"%d words\n" % number for number in range(100_000))
    (tmp_path / "t.txt.zst").write_bytes(zstandard.compress(text)[:-1000])
    with pytest.raises(LanguageModelError, match=r"t\.txt\.zst: cannot be read: .* before the end"):
        list(TextSource([tmp_path / "t.txt.zst"], normalizer=None))


def test_damaged_compressed_text_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"some words\n" * 1000)
    (tmp_path / "t.txt.gz").write_bytes(whole[:-20])
    with pytest.raises(LanguageModelError, match=r"t\.txt\.gz: cannot be read"):
        list(TextSource([tmp_path / "t.txt.gz"], normalizer=None))


def test_text_source_reports_what_it_changed(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("\ufeffplain words\nHello, World!\n...\n\nno newline", encoding="utf-8")
    (tmp_path / "m.tsv").write_text("path\ttext\nx.wav\tFrom a Manifest\n")
    source = TextSource([tmp_path / "t.txt", tmp_path / "m.tsv"], normalizer=get_normalizer("standard"))
    assert "\n".join(source).split("\n") == [*["plain words", "hello world", "", "", "no newline", "from a manifest"]]
    assert (source.report.lines, source.report.changed, source.report.emptied) == (6, 3, 1)
    assert source.report.examples[0] == ("Hello, World!", "hello world")
    assert source.report.lost["!"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, mode: opened(Path("/dev/full") if mode == "xb" else path, mode.replace("x", "w"))
    )
    with pytest.raises(LanguageModelError, match="No space left"):
        build_ngram(["a b c d\n" * 10], tmp_path / "m.arpa", discount_fallback=True)
    assert not any(tmp_path.iterdir())


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    def run(*arguments: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "argv", ["asrkit", "lm", "build", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        return Done(code or 0, *capsys.readouterr())

    return run


def test_the_command_takes_lists_of_thresholds(run_command: Callable[..., Done], tmp_path: Path) -> None:
    output = tmp_path / "m.arpa"
    text = "A b, c\na b d\na b c\nb c\n"
    done = run_command(
        "--order", "3", "--prune", "0", "0", "1", "-", "-o", str(output), "--discount-fallback", stdin=text
    )
    assert done.returncode == 0, done.stderr
    assert str(output) in done.stdout
    assert "1 changed" in done.stderr
    assert ("a", "b", "c") in oracles.read_arpa(output)
    assert ("a", "b", "d") not in oracles.read_arpa(output)
    refused = run_command("-", "-o", str(output), "--prune", "0", "x", stdin=text)
    assert refused.returncode == 2


@pytest.mark.parametrize("text", ["fine\n<s> b c </s>\n", "fine\nb c</s>\n", "fine\nwhat <UNK> said\n"])
@pytest.mark.parametrize("arguments", [[], ["--raw"]])
def test_markers_never_become_words(
    run_command: Callable[..., Done], tmp_path: Path, text: str, arguments: list[str]
) -> None:
    (tmp_path / "t.txt").write_text(text)
    path = tmp_path / "m.arpa"
    done = run_command(str(tmp_path / "t.txt"), "-o", str(path), "--order", "1", "--discount-fallback", *arguments)
    if arguments and "<s> b" not in text:
        assert "s" not in NgramModel.load(path).vocabulary
    else:
        assert done.returncode == 1
        assert "t.txt:2: " in done.stderr and "marks something else in a model; remove it" in done.stderr
        assert not path.exists()


def test_the_command_names_a_bad_input_in_one_line(run_command: Callable[..., Done], tmp_path: Path) -> None:
    done = run_command("-", "-o", str(tmp_path / "m.arpa"), stdin="one word\n")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "--discount-fallback" in done.stderr
    assert run_command(str(tmp_path / "none.txt"), "-o", str(tmp_path / "m.arpa")).returncode == 2


def test_report_counts_the_text(tmp_path: Path) -> None:
    report = build_ngram(["a b\nb a b"], tmp_path / "m.arpa", order=2, discount_fallback=True)
    assert isinstance(report, BuildReport)
    assert report.vocabulary == ("a", "b")
    assert report.ngrams == (5, 5)
    assert all(math.isfinite(amount) for amounts in report.discounts for amount in amounts)
    assert issubclass(LanguageModelError, AsrkitError)


@pytest.mark.parametrize(("byte", "reason"), [(b"\0", ":1: there is a NUL byte"), (b"a", "a line is longer")])
def test_a_small_file_does_not_unpack_to_gigabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, byte: bytes, reason: str
) -> None:
    monkeypatch.setattr(text_source, "_BLOCK_BYTES", 1 << 10)
    monkeypatch.setattr(text_source, "_MOST_LINE_BYTES", 1 << 14)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(byte * (1 << 20)))
    read = 0
    decompressed = text_source.decompressed

    class Counted:
        def __init__(self, file: IO[bytes]) -> None:
            self.file = file

        def read(self, size: int) -> bytes:
            nonlocal read
            read += size
            return self.file.read(size)

    monkeypatch.setattr(text_source, "decompressed", lambda raw, path: Counted(decompressed(raw, path)))
    with pytest.raises(LanguageModelError, match=reason):
        list(TextSource([path], normalizer=None))
    assert read <= 1 << 15


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_a_file_that_cannot_be_read_is_named_once(tmp_path: Path) -> None:
    loop = tmp_path / "loop.txt"
    loop.symlink_to(loop)
    for read in (
        lambda: build_ngram(TextSource([loop], normalizer=None), tmp_path / "o.arpa"),
        lambda: NgramModel.load(loop),
    ):
        with pytest.raises(AsrkitError) as caught:
            read()
        assert str(caught.value).count("loop.txt") == 1
