"""`asrkit lm`: what its commands print, and what they refuse in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import oracles
import pytest
from typer.testing import CliRunner, Result

from asrkit.cli.whole import app
from asrkit.errors import AsrkitError
from asrkit.language_model import NgramModel
from asrkit.text import get_normalizer

TINY = Path(__file__).parents[1] / "lm" / "tiny.arpa"


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["lm", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit | AsrkitError):
        raise result.exception
    return result


def refused(*arguments: object) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, AsrkitError), result.output
    message = str(result.exception)
    assert "\n" not in message
    return message


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("The cat sat on the mat.\nA zebra ran!\n\n")
    return path


def test_convert_there_and_back(tmp_path: Path) -> None:
    assert "binary, order 3, 15 / 20 / 10 n-grams" in run("convert", TINY, tmp_path / "m.bin").stdout
    assert "ARPA, order 3" in run("convert", tmp_path / "m.bin", tmp_path / "m.arpa.gz").stdout
    back = NgramModel.load(tmp_path / "m.arpa.gz")
    assert back.score("the cat sat") == pytest.approx(NgramModel.load(TINY).score("the cat sat"), abs=1e-5)
    assert "name it .bin, not 'm.bin.gz'" in refused("convert", TINY, tmp_path / "m.bin.gz")
    assert not (tmp_path / "m.bin.gz").exists()


def test_convert_prints_what_quantizing_costs(tmp_path: Path, text: Path) -> None:
    result = run("convert", TINY, tmp_path / "m.bin", "--quantize", "--text", text, "--json")
    facts = json.loads(result.stdout)
    assert facts["format"] == "binary, 8 bits"
    assert facts["perplexity"] == pytest.approx(facts["perplexity_before"], rel=1e-3)
    assert "a sample of its own n-grams" in run("convert", TINY, tmp_path / "m.bin", "--quantize").stdout


def test_perplexity_by_hand(text: Path) -> None:
    facts = json.loads(run("perplexity", TINY, text, "--json").stdout)
    ngrams = oracles.read_arpa(TINY)
    log10_prob = sum(oracles.sentence_log10(ngrams, s) for s in ("the cat sat on the mat", "a zebra ran"))
    assert (facts["sentences"], facts["words"], facts["unknown_words"]) == (2, 9, 1)
    assert facts["log10_prob"] == pytest.approx(log10_prob, abs=1e-4)
    assert facts["with_unknown"] == pytest.approx(10 ** (-log10_prob / 11), rel=1e-4)
    assert "1 of 9 (11.11%)" in run("perplexity", TINY, text).stdout


def test_a_model_to_which_unknown_words_are_impossible_is_told(tmp_path: Path, text: Path) -> None:
    closed = tmp_path / "closed.arpa"
    closed.write_text("\\data\\\nngram 1=4\n\n\\1-grams:\n-99\t<s>\n-1\t</s>\n-1\tthe\n-1\ta\n\n\\end\\\n")
    assert "closed.arpa has no <unk>" in run("perplexity", closed, text).stderr
    known = tmp_path / "known.txt"
    known.write_text("the a\n")
    for model, words in ((closed, known), (TINY, text)):
        assert "<unk>" not in run("perplexity", model, words).stderr


def test_info_verifies(tmp_path: Path) -> None:
    run("convert", TINY, tmp_path / "m.bin")
    facts = json.loads(run("info", tmp_path / "m.bin", "--verify", "--json").stdout)
    assert facts["verified"] is True
    assert facts["ngrams"] == [15, 20, 10]
    damaged = bytearray((tmp_path / "m.bin").read_bytes())
    damaged[-70] ^= 0xFF
    (tmp_path / "m.bin").write_bytes(damaged)
    assert "checksum" in refused("info", tmp_path / "m.bin", "--verify")


@pytest.mark.parametrize("command", ["convert", "quantize", "prune", "interpolate", "perplexity", "info"])
@pytest.mark.parametrize("damage", ["a byte", "cut", "zeros", "a huge header"])
def test_no_command_takes_a_damaged_model(
    tmp_path: Path, text: Path, command: str, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("convert", TINY, tmp_path / "m.bin")
    data = bytearray((tmp_path / "m.bin").read_bytes())
    if damage == "a byte":
        data[-70] ^= 0xFF
    elif damage == "cut":
        del data[300:]
    elif damage == "zeros":
        data[256:] = bytes(len(data) - 256)
    else:
        data[168:176] = b"\xff" * 8
    (tmp_path / "bad.bin").write_bytes(data)
    monkeypatch.chdir(tmp_path)
    arguments = {
        "convert": ("convert", "bad.bin", "out.arpa"),
        "quantize": ("convert", "bad.bin", "out.bin", "--quantize"),
        "prune": ("prune", "bad.bin", "-o", "out.arpa"),
        "interpolate": ("interpolate", TINY, "bad.bin", "-o", "out.arpa"),
        "perplexity": ("perplexity", "bad.bin", text),
        "info": ("info", "bad.bin"),
    }
    message = refused(*arguments[command])
    assert message.startswith("bad.bin: ") and ("damaged" in message or "cut off" in message)
    assert not list(tmp_path.glob("out.*"))


def test_a_text_of_another_case_is_told(tmp_path: Path, text: Path) -> None:
    run("build", text, "-o", tmp_path / "own.arpa", "--order", "1", "--discount-fallback")
    capitals = tmp_path / "capitals.arpa"
    capitals.write_text("\\data\\\nngram 1=4\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\n-1\t</s>\n-1\tTHE\n\n\\end\\\n")
    assert "knows no word of the text: they may differ in case; --raw" in run("perplexity", capitals, text).stderr
    assert "differ in case" not in run("perplexity", tmp_path / "own.arpa", text).stderr


def test_interpolate_takes_weights_and_text(tmp_path: Path, text: Path) -> None:
    run("build", text, "-o", tmp_path / "own.arpa", "--order", "2", "--discount-fallback")
    result = run("interpolate", TINY, tmp_path / "own.arpa", "-o", tmp_path / "m.arpa", "--weights", "1", "3", "--json")
    assert json.loads(result.stdout)["weights"] == [0.25, 0.75]
    tuned = run("interpolate", TINY, tmp_path / "own.arpa", "-o", tmp_path / "m.arpa", "--tune-on", text, "--json")
    assert json.loads(tuned.stdout)["weights"][1] > 0.5
    assert "--tune-on" in refused(
        "interpolate", TINY, TINY, "-o", tmp_path / "m.arpa", "--weights", "1 1", "--tune-on", text
    )


def test_prune_says_what_it_kept(tmp_path: Path) -> None:
    result = run("prune", TINY, "-o", tmp_path / "m.arpa", "--threshold", "0.01")
    assert "order 3, 15 / " in result.stdout
    assert "of 45 n-grams" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("convert", "none.arpa", "m.bin"), "none.arpa: no such language model"),
        (("convert", TINY, "m.arpa", "--quantize"), "cannot be quantized"),
        (("convert", TINY, "m.bin", "--text", "none.txt"), "--text measures what --quantize costs"),
        (("prune", TINY, "-o", "m.bin"), "ARPA text"),
        (("interpolate", TINY, "-o", "m.arpa"), "two models"),
        (("interpolate", TINY, TINY, "-o", "m.arpa", "--weights", "1 x"), "--weights takes numbers"),
        (("perplexity", TINY, "none.txt"), "none.txt: no such file"),
        (("info", TINY, "--verify"), "checksums; asrkit lm convert makes one of ARPA text"),
        (("build", TINY, "-o", "m.arpa", "--prune", "0", "0.5"), "whole numbers"),
        (("build", TINY, "-o", "m.arpa", "--prune", "0", "nan"), "whole numbers"),
        (("build", TINY, "-o", "m.arpa", "--prune", "0", "inf"), "whole numbers"),
        (("build", TINY, "-o", "m.arpa", "--prune", "0", "1e30"), "1,000,000,000,000 at most"),
        (("build", TINY, "-o", "m.arpa", "--max-vocab", 10**20), "1,000,000,000,000 at most"),
        (("build", TINY, "-o", "m.arpa", "--memory-mb", 10**17), "1,000,000,000,000 at most"),
    ],
)
def test_wrong_use_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(*arguments)
    assert not any(tmp_path.iterdir())


def test_texts_are_normalized_as_those_of_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turkish = SimpleNamespace(text_normalizer=get_normalizer("basic", "tr"))
    monkeypatch.setattr("asrkit.model.bundle.Bundle.load", lambda path: turkish)
    text, lm = tmp_path / "text.txt", tmp_path / "m.arpa"
    text.write_text("IŞIK ve 5!\n" * 3)
    asked = ["--model", tmp_path, "--json"]
    run("build", text, "-o", lm, "--order", 1, "--discount-fallback", *asked)
    assert json.loads(run("perplexity", lm, text, *asked).stdout)["unknown_words"] == 0
    assert json.loads(run("perplexity", lm, text, "--json").stdout)["unknown_words"] == 6
    assert (
        "no model knows a word"
        not in run("interpolate", lm, lm, "-o", tmp_path / "i.arpa", "--tune-on", text, *asked).output
    )


def test_a_vocabulary_is_normalized_as_the_text_is(tmp_path: Path, text: Path) -> None:
    words, lm = tmp_path / "words", tmp_path / "m.arpa"
    words.write_text("<s> THE\nCat\nDog\n")
    asked = ("build", text, "-o", lm, "--vocab", words, "--order", 1, "--discount-fallback")
    assert "1 words of the vocabulary do not occur" in run(*asked).stderr
    assert set(NgramModel.load(lm).vocabulary) == {"<unk>", "<s>", "</s>", "the", "cat"}
    lm.unlink()
    assert "no word of the vocabulary is in the text" in refused(*asked, "--raw")
    assert not lm.exists()


def test_no_command_writes_over_what_it_reads(tmp_path: Path) -> None:
    one, other, lexicon = tmp_path / "one.arpa", tmp_path / "other.arpa", tmp_path / "lexicon"
    one.write_bytes(TINY.read_bytes())
    other.symlink_to(one)
    lexicon.write_text("cat\tk ae t\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for arguments in (
        ("convert", one, other),
        ("prune", one, "-o", one),
        ("interpolate", TINY, one, "-o", other),
        ("lexicon", one, "--lexicon", lexicon, "-o", lexicon),
    ):
        assert "name another output" in refused(*arguments)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
def test_a_model_is_not_written_to_a_pipe(tmp_path: Path) -> None:
    """What was written is read again; a file would take the pipe's place."""
    path = tmp_path / "pipe.arpa"
    os.mkfifo(path)
    assert refused("convert", TINY, path) == f"{path}: cannot be written: is no regular file"
    assert path.is_fifo()
