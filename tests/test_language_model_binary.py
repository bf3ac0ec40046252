"""Binary models: the same answers as the ARPA file, there at once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asrkit.errors import LanguageModelError
from asrkit.language_model import NgramModel, build_ngram, verify_binary, write_binary

TINY = Path(__file__).parents[1] / "lm" / "tiny.arpa"
HEADER_BYTES = 256


@pytest.fixture(scope="module")
def arpa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 4-gram of random text with 200 words."""
    draw = random.Random(1)
    words = [f"w{i}" for i in range(200)]
    weights = [1 / (i + 1) for i in range(200)]
    sentences = [" ".join(draw.choices(words, weights, k=draw.randint(1, 12))) for _ in range(3000)]
    path = tmp_path_factory.mktemp("lm") / "random.arpa"
    build_ngram(["\n".join(sentences)], path, order=4, discount_fallback=True)
    return path


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    draw = random.Random(2)
    return [" ".join(f"w{draw.randrange(210)}" for _ in range(draw.randrange(9))) for _ in range(300)]


def test_a_binary_answers_as_its_source(tmp_path: Path, arpa: Path, sentences: list[str]) -> None:
    source = NgramModel.load(arpa)
    binary = NgramModel.load(write_binary(source, tmp_path / "m.bin"))
    assert (binary.order, binary.counts, binary.vocabulary) == (source.order, source.counts, source.vocabulary)
    assert not binary.is_quantized
    assert [binary.score(s) for s in sentences] == [source.score(s) for s in sentences]
    again = write_binary(binary, tmp_path / "again.bin")
    assert again.read_bytes() == (tmp_path / "m.bin").read_bytes()


def test_quantizing_costs_little(tmp_path: Path, arpa: Path, sentences: list[str]) -> None:
    source = NgramModel.load(arpa)
    plain = write_binary(source, tmp_path / "plain.bin")
    small = write_binary(source, tmp_path / "small.bin", quantize=True)
    quantized = NgramModel.load(small)
    assert quantized.is_quantized
    assert small.stat().st_size < 0.75 * plain.stat().st_size
    text = ["\n".join(sentences)]
    assert quantized.perplexity(text).with_unknown == pytest.approx(source.perplexity(text).with_unknown, rel=0.01)
    scores = [(quantized.score(sentence), source.score(sentence)) for sentence in sentences]
    assert all(ours != exact and ours == pytest.approx(exact, abs=0.2) for ours, exact in scores)
    assert write_binary(quantized, tmp_path / "again.bin").read_bytes() == small.read_bytes()


def test_loading_takes_no_time(tmp_path: Path, arpa: Path) -> None:
    path = write_binary(NgramModel.load(arpa), tmp_path / "m.bin")
    times = []
    for _ in range(5):
        start = time.perf_counter()
        NgramModel.load(path)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.005


def test_perplexity_is_that_of_the_single_words(arpa: Path, sentences: list[str]) -> None:
    model = NgramModel.load(arpa)
    result = model.perplexity(["\n".join(sentences[:100]), "\n".join(sentences[100:]) + "\n\n"])
    filled = [s for s in sentences if s]
    scores = [score for s in filled for score in model.score_words(s)]
    known = [log10_prob for log10_prob, is_known in scores if is_known]
    assert (result.sentences, result.words) == (len(filled), sum(len(s.split()) for s in filled))
    assert result.unknown_words == len(scores) - len(known)
    assert result.with_unknown == pytest.approx(10 ** (-sum(p for p, _ in scores) / len(scores)), rel=1e-5)
    assert result.without_unknown == pytest.approx(10 ** (-sum(known) / len(known)), rel=1e-5)
    with pytest.raises(LanguageModelError, match="no text"):
        model.perplexity(["\n"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:100], "too short"),
        (lambda data: data[:-64], "cut off or damaged"),
        (lambda data: data + b"\0" * 64, "cut off or damaged"),
        (lambda data: data[:16] + b"\7\0\0\0" + data[20:], "format version 7"),
        (lambda data: data[:40] + b"\1" + data[41:], "header is damaged"),
        (lambda data: data[:24] + data[24:32][::-1] + data[32:], "byte order"),
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, damage: object, message: str) -> None:
    path = write_binary(NgramModel.load(TINY), tmp_path / "m.bin")
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(LanguageModelError, match=message):
        NgramModel.load(path)


def test_only_a_whole_file_verifies(tmp_path: Path) -> None:
    path = write_binary(NgramModel.load(TINY), tmp_path / "m.bin")
    verify_binary(path)
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + 1] ^= 1  # the first letter of a word
    path.write_bytes(data)
    with pytest.raises(LanguageModelError, match="checksum"):
        verify_binary(path)
    with pytest.raises(LanguageModelError, match="only asrkit"):
        verify_binary(TINY)


IN_USE = """
import sys
from pathlib import Path

from asrkit.language_model import NgramModel, write_binary

path, small, sentence = Path(sys.argv[1]), NgramModel.load(sys.argv[2]), sys.argv[3]
model = NgramModel.load(path)
write_binary(small, path)
assert NgramModel.load(path).counts == small.counts
path.unlink()
print(model.score(sentence))
"""


def test_a_model_that_we_replace_is_used_to_the_end(tmp_path: Path, arpa: Path, sentences: list[str]) -> None:
    """It is mapped: a file cut or written over ends a process by a signal, so we rename a new one there."""
    source, sentence = NgramModel.load(arpa), max(sentences, key=len)
    command = [sys.executable, "-c", IN_USE, str(write_binary(source, tmp_path / "m.bin")), str(TINY), sentence]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{source.score(sentence)}\n", "")
