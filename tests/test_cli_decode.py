from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_emissions_foreign import kaldi_matrix
from transcribe_project import Done

LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefgh"]
PIECES = ["<blk>", "<unk>", "▁a", "b", "▁ca", "c", "▁", "<0xC3>", "<0xA9>", "▁b"]


def emissions_of(labels: list[str], outputs: list[str], seed: int = 0) -> np.ndarray:
    """Log-probabilities of a clear utterance: two steps an output, a blank after each."""
    path = [index for output in outputs for index in [labels.index(output)] * 2 + [0]]
    values = np.random.default_rng(seed).uniform(0.001, 0.01, size=(len(path), len(labels)))
    values[np.arange(len(path)), path] = 1.0
    return np.asarray(np.log(values / values.sum(axis=1, keepdims=True)).astype(np.float32))


def spoken(text: str, seed: int = 0) -> np.ndarray:
    return emissions_of(LETTERS, list(text.replace(" ", "|")), seed)


def hypotheses(folder: str = "transcripts") -> dict[str, str]:
    lines = Path(folder, "hyp.txt").read_text(encoding="utf-8").splitlines()
    return {line.split(" ", 1)[0]: line.partition(" ")[2] for line in lines}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("tokens.txt").write_text("".join(f"{label} {i}\n" for i, label in enumerate(LETTERS)))
    Path("pieces.txt").write_text("".join(f"{label} {i}\n" for i, label in enumerate(PIECES)))
    return tmp_path


Command = Callable[..., Done]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (lambda x: x, "log-probabilities"),
        (np.exp, "probabilities"),
        (lambda x: np.exp(x).astype(np.float16), "probabilities"),
        (lambda x: np.exp(x).round(2), "probabilities"),
        (lambda x: x * 1.5 + 2, "logits"),
        (lambda x: x.astype(np.float64)[None], "log-probabilities"),
    ],
)
def test_arrays_of_another_toolkit_become_transcripts(here: Path, asrkit: Command, kind, said: str) -> None:  # type: ignore[no-untyped-def]
    np.savez("out.npz", u1=kind(spoken("bad cab")), u2=kind(spoken("a fee", 1)))
    done = asrkit("decode", "out.npz", "--tokens", "tokens.txt", "--decoder", "greedy", "-f", "txt", "-f", "ctm")
    assert done.code == 0, done.err
    assert hypotheses() == {"u1": "bad cab", "u2": "a fee"}
    assert (
        f"13 outputs, the blank is 0 ('<pad>'), words marked by '|', 3 never written; the numbers are {said}"
        in done.err
    )
    assert Path("transcripts/u1.txt").read_text() == "bad cab\n"
    assert Path("transcripts/u1.ctm").read_text().split()[2:5] == ["0.000", "0.320", "bad"]


def test_pieces_of_words_become_words(here: Path, asrkit: Command) -> None:
    spelled = ["▁ca", "b", "<unk>", "▁", "c", "b", "▁a", "c", "<0xC3>", "<0xA9>"]
    np.save("u.npy", emissions_of(PIECES, spelled))
    arguments = ["decode", "u.npy", "--tokens", "pieces.txt", "--decoder", "greedy", "-f", "json", "--step-ms", "20"]
    assert asrkit(*arguments).code == 0
    assert hypotheses() == {"u": "cab cb acé"}
    row = json.loads(Path("transcripts/results.jsonl").read_text())
    assert [word["word"] for word in row["words"]] == ["cab", "cb", "acé"]
    assert [word["start_s"] for word in row["words"]] == pytest.approx([0.0, 0.24, 0.36])
    assert row["duration_s"] == pytest.approx(30 * 0.02)


def unsure(outputs: list[str], other: list[str], share: float) -> np.ndarray:
    """Log-probabilities of an utterance that may be another."""
    mixed = (1 - share) * np.exp(emissions_of(PIECES, outputs)) + share * np.exp(emissions_of(PIECES, other))
    return np.asarray(np.log(mixed).astype(np.float32))


def test_pieces_are_searched_with_a_language_model(here: Path, asrkit: Command) -> None:
    words = {"<unk>": -3.0, "<s>": -99.0, "</s>": -1.0, "cab": -0.8, "a": -1.2, "ac": -2.8}
    entries = "".join(f"{log10}\t{word}\n" for word, log10 in words.items())
    Path("lm.arpa").write_text(f"\\data\\\nngram 1={len(words)}\n\n\\1-grams:\n{entries}\n\\end\\\n")
    np.save("u.npy", unsure(["▁ca", "b", "▁a"], ["▁ca", "c", "▁a"], 0.6))
    arguments = ["decode", "u.npy", "--tokens", "pieces.txt", "--keep-emissions"]
    assert asrkit(*arguments).code == 0
    assert hypotheses() == {"u": "cac a"}
    done = asrkit(*arguments, "--lm", "lm.arpa")
    assert done.code == 0, done.err
    assert hypotheses() == {"u": "cab a"}
    row = json.loads(Path("transcripts/results.jsonl").read_text())
    assert [(word["word"], word["start_s"], word["end_s"]) for word in row["words"]] == [
        ("cab", 0.0, 0.2),
        ("a", 0.24, 0.32),
    ]
    assert asrkit(*arguments, "--lm", "lm.arpa", "--hotword", "cac=9").code == 0
    assert hypotheses() == {"u": "cac a"}
    Path("ref.txt").write_text("u cab a\n")
    done = asrkit("score", "transcripts", "ref.txt", "--emissions", "transcripts", "--lm", "lm.arpa", "--json")
    assert json.loads(done.out)["details"]["blame"]["by_cause"]["search"] == 1, "hotwords are no part of the judgment"


def test_phonemes_become_words_through_a_lexicon(here: Path, asrkit: Command) -> None:
    labels = ["<blk>", "k", "æ", "t", "s", "i:", "<wb>"]
    Path("phones.txt").write_text("".join(f"{label} {i}\n" for i, label in enumerate(labels)), encoding="utf-8")
    lines = ["cat\tk æ t", "sea\ts i:", "see\ts i:", "zoo\tz u:"]
    Path("lexicon.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    words = {"<unk>": -9.0, "<s>": -99.0, "</s>": -1.0, "cat": -1.0, "sea": -2.0, "see": -1.0}
    entries = "".join(f"{log10}\t{word}\n" for word, log10 in words.items())
    Path("lm.arpa").write_text(f"\\data\\\nngram 1={len(words)}\n\n\\1-grams:\n{entries}\n\\end\\\n")
    np.save("u.npy", emissions_of(labels, ["k", "æ", "t", "<wb>", "s", "i:"]))
    arguments = ["decode", "u.npy", "--tokens", "phones.txt", "--lexicon", "lexicon.tsv"]
    assert asrkit(*arguments, "--lm", "lm.arpa").code == 0
    assert hypotheses() == {"u": "cat see"}
    assert asrkit(*arguments, "--decoder", "greedy", "-o", "greedy").code == 0
    assert Path("greedy/hyp.txt").read_text() == "u cat sea\n", "the first word that is said so"
    assert json.loads(Path("transcripts/results.jsonl").read_text())["provenance"]["lexicon"] == "lexicon.tsv"
    Path("lexicon.tsv").write_text("cat\tk æ t\nsi\ts i:\n", encoding="utf-8")
    assert "1 transcribed" in asrkit(*arguments, "--lm", "lm.arpa").err, "another lexicon is another run"
    for wrong, code, message in (
        (["--lexicon", "none.tsv"], 2, "no such lexicon"),
        (["--lexicon", "phones.txt"], 1, "phones.txt: none of its words can be spelled"),
        (["--lexicon", "lexicon.tsv", "--decoder", "pyctcdecode"], 2, "pyctcdecode cannot use a lexicon"),
    ):
        done = asrkit("decode", "u.npy", "--tokens", "phones.txt", *wrong)
        assert (done.code, message in done.err) == (code, True), done.err


def test_words_outside_a_lexicon_are_spelled_where_asked_for(here: Path, asrkit: Command) -> None:
    Path("lexicon.tsv").write_text("cab\tc a b |\nDad.\td a d\ndad\td a d\nbad\tb a d |\n")
    np.save("u.npy", spoken("bad cab fed dad"))
    arguments = ["decode", "u.npy", "--tokens", "tokens.txt", "--lexicon", "lexicon.tsv"]
    assert asrkit(*arguments).code == 0
    assert "fed" not in hypotheses()["u"]
    done = asrkit(*arguments, "--vocabulary", "spelled", "--hotword", "dad=5", "--keep-emissions")
    assert done.code == 0 and "1 transcribed" in done.err, "other settings are another run"
    assert hypotheses() == {"u": "bad cab fed dad"}
    Path("ref.txt").write_text("u bad cab feed dad\n")
    scored = asrkit("score", "transcripts", "ref.txt", "--emissions", "transcripts", "--json")
    assert json.loads(scored.out)["details"]["blame"]["by_cause"]["acoustic model"] == 1
    Path("said.tsv").write_text("cab\tb e\nbad\tb d\n")
    for wrong, code, message in (
        (
            ["--lexicon", "said.tsv"],
            1,
            "said.tsv: no words but its own can be written, as the outputs spell 0 of its 2",
        ),
        (["--beam", "1"], 2, "'spelled' is for words outside a lexicon, and a greedy decode has no others"),
    ):
        done = asrkit(*arguments, "--vocabulary", "spelled", *wrong)
        assert (done.code, message in done.err) == (code, True), done.err
    done = asrkit(*arguments[:4], "--vocabulary", "spelled")
    assert (done.code, "and there is none; name one with --lexicon" in done.err) == (2, True), done.err


def test_scripts_without_spaces(here: Path, asrkit: Command) -> None:
    labels = ["<blank>", "<unk>", "我", "你", "们", "<sos/eos>"]
    Path("units.txt").write_text("".join(f"{label} {i}\n" for i, label in enumerate(labels)))
    np.save("u.npy", emissions_of(labels, ["我", "你", "们", "<sos/eos>"]))
    for decoder in ("beam", "greedy"):
        done = asrkit("decode", "u.npy", "--tokens", "units.txt", "--decoder", decoder, "-f", "srt", "-f", "txt")
        assert done.code == 0, done.err
        assert "no marks of words" in done.err
        assert hypotheses() == {"u": "我你们"}
        assert Path("transcripts/u.srt").read_text(encoding="utf-8").splitlines()[2] == "我你们"


def test_names_come_from_files_and_keys(here: Path, asrkit: Command) -> None:
    Path("in/sub").mkdir(parents=True)
    np.save("in/a b.npy", spoken("a"))
    np.save("in/sub/c.npy", spoken("c"))
    np.savez("in/sub/d.npz", logits=spoken("d"))
    np.savez("in/many.npz", **{"s1/u1": spoken("b"), "s1/u2": spoken("e")})
    assert asrkit("decode", "in", "--tokens", "tokens.txt", "--decoder", "greedy").code == 0
    assert hypotheses() == {"a%20b": "a", "sub/c": "c", "sub/d": "d", "s1/u1": "b", "s1/u2": "e"}
    assert Path("transcripts/s1/u1.txt").read_text() == "b\n"


def test_kaldi_archives(here: Path, asrkit: Command) -> None:
    Path("in").mkdir()
    rows = [b"u1 ", kaldi_matrix(spoken("a bad")), b"u2 ", kaldi_matrix(spoken("b"))]
    Path("in/x.ark").write_bytes(b"".join(rows))
    second = sum(map(len, rows[:3]))
    Path("in/x.scp").write_text(f"u1 x.ark:3\nu2 in/x.ark:{second}\nu3 touch hacked |\n")
    done = asrkit("decode", "in", "--tokens", "tokens.txt", "--decoder", "greedy")
    assert done.code == 3
    assert "failed: u3: line 3, 'u3': is a pipe; commands are not run" in done.err
    assert hypotheses() == {"u1": "a bad", "u2": "b"}
    assert not Path("hacked").exists()


def test_a_run_goes_on_where_it_was(here: Path, asrkit: Command) -> None:
    np.save("u1.npy", spoken("a"))
    np.save("u2.npy", spoken("b"))
    arguments = ["decode", "u1.npy", "u2.npy", "--tokens", "tokens.txt", "--decoder", "greedy"]
    assert "2 transcribed" in asrkit(*arguments).err
    np.save("u2.npy", spoken("bed"))
    assert "1 transcribed, 1 already done" in asrkit(*arguments).err
    assert hypotheses() == {"u1": "a", "u2": "bed"}
    assert "2 transcribed" in asrkit(*arguments, "--step-ms", "20").err
    assert "new\tu1" in asrkit(*arguments, "-o", "other", "--dry-run").out


def test_one_bad_utterance_is_a_failure_of_its_own(here: Path, asrkit: Command) -> None:
    good = spoken("a bad cab")
    positive, nan, negative = good.copy(), good.copy(), good[:, :5]
    positive[4, 2], nan[6, 1] = 3.0, np.nan
    bad = {
        "positive": positive,
        "nan": nan,
        "narrow": negative,
        "empty": good[:0],
        "flat": good[0],
        "batch": good[None],
    }
    np.savez("in.npz", good=good, more=good, **bad, **{"../out": good, "ints": good.astype(int), "/abs": good})
    Path("o.npy").write_bytes(b"\x80\x04N.")
    done = asrkit("decode", "in.npz", "o.npy", "--tokens", "tokens.txt", "--decoder", "greedy")
    assert done.code == 3
    assert hypotheses() == {"good": "a bad cab", "more": "a bad cab", "batch": "a bad cab"}
    rows = [line.split("\t") for line in Path("transcripts/failures.tsv").read_text().splitlines()[1:]]
    reasons = {row[0]: row[2] for row in rows}
    assert all(row[1].endswith("o.npy" if row[0] == "o" else "in.npz") for row in rows)
    for name, reason in {
        "positive": "a positive log-probability at step 4",
        "nan": "NaN at step 6",
        "narrow": "has 5 outputs a step, but tokens.txt 13",
        "empty": "there is not one step",
        "flat": "not (steps, outputs)",
        "ints": "holds int64",
        "../out": "leaves the folder of transcripts",
        "/abs": "leaves the folder of transcripts",
        "o": "is a pickle",
    }.items():
        assert reason in reasons.pop(name), name
    assert not reasons


def test_emissions_that_all_fail_are_an_error(here: Path, asrkit: Command) -> None:
    np.save("u.npy", np.full((3, 13), np.nan))
    assert asrkit("decode", "u.npy", "--tokens", "tokens.txt", "--decoder", "greedy").code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["u.npy"], 2, "asrkit decode takes them and the model's labels (--tokens)"),
        (["u.npy", "--blank", "0"], 2, "--blank goes with arrays of another toolkit, which need --tokens"),
        (["u.npy", "--tokens", "none.txt"], 2, "none.txt: no such file of labels"),
        (["none.npy", "--tokens", "tokens.txt"], 2, "none.npy: no such folder or file"),
        (["empty", "--tokens", "tokens.txt"], 1, "nothing to transcribe in"),
        (["u.npy", "--tokens", "pieces.txt"], 2, "pieces.txt: has 10 labels, the model has 13 outputs"),
        (["u.npy", "--tokens", "holes.txt"], 2, "holes.txt: no label has the id 1"),
        (["u.npy", "--tokens", "tokens.txt", "--blank", "13"], 2, "the blank cannot be output 13 of 13"),
        (["u.npy", "--tokens", "tokens.txt", "--words", "x"], 2, "words must be one of space, |"),
        (["u.npy", "--tokens", "tokens.txt", "--words", "▁"], 2, "no label has the mark of words '▁'"),
        (["u.npy", "--tokens", "tokens.txt", "--values", "x"], 2, "values must be one of log-probabilities"),
        (["u.npy", "--tokens", "tokens.txt", "--step-ms", "0"], 2, "step_ms must be milliseconds"),
        (["u.pt", "--tokens", "tokens.txt"], 1, "is a pickle, which could run code"),
        (["u.npy", "v/u.npy", "w.npz", "--tokens", "tokens.txt"], 2, "/w.npz have the id 'u'; rename one"),
        (["a.ark", "--tokens", "tokens.txt"], 2, "/a.ark have the id 'u'; rename one"),
    ],
)
def test_unusable_input_is_one_line(here: Path, asrkit: Command, arguments: list[str], code: int, message: str) -> None:
    Path("empty").mkdir()
    Path("v").mkdir()
    np.save("u.npy", spoken("a"))
    np.save("v/u.npy", spoken("a"))
    np.savez("w.npz", u=spoken("a"), v=spoken("b"))
    Path("u.pt").write_bytes(b"")
    Path("a.ark").write_bytes((b"u " + kaldi_matrix(spoken("a"))) * 2)
    Path("holes.txt").write_text("<blk> 0\na 2\n")
    done = asrkit("decode", *arguments, "--decoder", "greedy")
    assert (done.code, done.err.strip().count("\n")) == (code, 0), done.err
    assert message in done.err


def test_the_model_at_hand_has_nothing_to_do_with_arrays(
    project: Path,
    here: Path,
    asrkit: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ASRKIT_MODEL", "models/latest")
    np.save("u.npy", spoken("a bad cab"))
    done = asrkit("decode", "u.npy", "--tokens", "tokens.txt")
    assert done.code == 0 and "settings: those of" not in done.err
    assert "settings: those of babble" in asrkit("decode", "u.npy", "--tokens", "tokens.txt", "-m", "models/latest").err


def test_a_blank_that_no_label_names_comes_last(here: Path, asrkit: Command) -> None:
    Path("vocab.txt").write_text("▁a\nb\n▁b\n")
    values = emissions_of(["<blank>", "▁a", "b", "▁b"], ["▁a", "b", "▁b"])[:, [1, 2, 3, 0]]
    np.save("u.npy", values)
    assert asrkit("decode", "u.npy", "--tokens", "vocab.txt", "--decoder", "greedy").code == 0
    assert hypotheses() == {"u": "ab b"}


def test_kept_arrays_can_be_decoded_and_judged_without_their_labels(here: Path, asrkit: Command) -> None:
    np.savez("in.npz", u1=emissions_of(PIECES, ["▁ca", "b", "▁a"]), u2=emissions_of(PIECES, ["▁b"]))
    arguments = ["--decoder", "greedy", "--step-ms", "20"]
    assert asrkit("decode", "in.npz", "--tokens", "pieces.txt", *arguments, "--keep-emissions").code == 0
    refused = asrkit("score", "transcripts", "transcripts/hyp.txt", "--emissions", "in.npz")
    assert refused.code == 2 and "keeps both for other commands (--keep-emissions)" in refused.err
    Path("in.npz").unlink()
    Path("pieces.txt").unlink()
    for command in (["decode", "transcripts"], ["transcribe", "--emissions", "transcripts"]):
        done = asrkit(*command, "--decoder", "greedy", "-o", "again", "--overwrite")
        assert done.code == 0, done.err
        assert Path("again/results.jsonl").read_bytes() == Path("transcripts/results.jsonl").read_bytes()
    Path("ref.txt").write_text("u1 cab b\nu2 c\n")
    done = asrkit("score", "transcripts", "ref.txt", "--emissions", "transcripts", "--json")
    causes = json.loads(done.out)["details"]["blame"]["by_cause"]
    assert sum(causes.values()) == 2 and causes["acoustic model"] == 2


def test_what_a_run_of_ours_kept_needs_no_labels(project: Path, asrkit: Command) -> None:
    assert asrkit("transcribe", "wavs", "--keep-emissions", "--beam", "9").code == 0
    shutil.rmtree("wavs")
    shutil.rmtree("models")
    assert asrkit("decode", "transcripts", "-o", "again", "--beam", "9").code == 0
    for name in ("hyp.txt", "results.jsonl", "s0/u2.txt"):
        assert Path("again", name).read_bytes() == Path("transcripts", name).read_bytes()
    one = asrkit("decode", "transcripts/emissions/s0/u2.emissions.npz", "--stdout", "--beam", "9")
    assert one.out.strip() == Path("transcripts/s0/u2.txt").read_text().strip()
    Path("tokens.txt").write_text("<blk>\na\n")
    done = asrkit("decode", "transcripts", "--tokens", "tokens.txt")
    assert done.code == 2 and "tells its labels itself; drop --tokens" in done.err


def test_weights_are_tuned_on_emissions(here: Path, asrkit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASRKIT_MODEL", "of/other/commands")
    words = {"<unk>": -3.0, "<s>": -99.0, "</s>": -1.0, "cab": -0.8, "a": -1.2, "ac": -2.8}
    entries = "".join(f"{log10}\t{word}\n" for word, log10 in words.items())
    Path("lm.arpa").write_text(f"\\data\\\nngram 1={len(words)}\n\n\\1-grams:\n{entries}\n\\end\\\n")
    said = {f"u{i}": unsure(["▁ca", "b", "▁a"], ["▁ca", "c", "▁a"], 0.52 + i / 100) for i in range(9)}
    np.savez("dev.npz", **said, untold=said["u1"], bad=np.full((3, 10), np.inf))
    Path("dev.txt").write_text("".join(f"u{i} Cab a.\n" for i in range(9)) + "bad cab\n")
    arguments = ["lm", "tune", "--emissions", "dev.npz", "--tokens", "pieces.txt", "--lm", "lm.arpa"]
    done = asrkit(*arguments, "--data", "dev.txt", "--candidates", "3", "--threads", "1")
    assert done.code == 0, done.err
    assert "1 of 11 emissions are no use: bad: a positive log-probability at step 0" in done.err
    assert "1 of 11 emissions are left out: no text has their id" in done.err
    assert "stored in lm.tuning.toml" in done.out and "-> 0.00%" in done.out
    done = asrkit("decode", "dev.npz", "--tokens", "pieces.txt", "--lm", "lm.arpa", "--config", "lm.tuning.toml")
    assert done.code == 3
    assert hypotheses()["u8"] == "cab a"
    Path("dev.tsv").write_text("id\tpath\ttext\n" + "".join(f"u{i}\tu.wav\tCab a.\n" for i in range(9)))
    again = [*arguments, "--data", "dev.tsv", "--candidates", "3", "--threads", "1"]
    assert asrkit(*again, "--dry-run").code == 0
    lost = asrkit(*again, "--plot", "dev.tsv/figure.png")  # what was found is told first
    assert lost.code != 0 and "-> 0.00%" in lost.out and "stored" not in lost.out
    for wrong, code, message in (
        (["--data", "dev.txt", "--model", "m"], 2, "--emissions takes the place of a model"),
        (["--data", "ref.txt"], 2, "no text has the id of any of the emissions"),
        (["--data", "bad.txt"], 1, "none of the 1 emissions with a text can be used: bad: a positive log-prob"),
        (["--data", "dev.txt", "--words", "|"], 2, "no label has the mark of words '|'"),
    ):
        Path("ref.txt").write_text("other cab a\n")
        Path("bad.txt").write_text("bad cab a\n")
        refused = asrkit(*arguments, *wrong)
        assert (refused.code, message in refused.err) == (code, True), refused.err
