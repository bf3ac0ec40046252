"""Causes of errors, planted and found again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asrkit.alignment import Aligner
from asrkit.metrics.blame import CAUSES, Evidence, Judge, assign_blame
from asrkit.metrics.scoring import score
from asrkit.text import Alphabet

ALPHABET = " abcdt"


def emissions_of(symbols: str, *, doubts: dict[int, tuple[str, float]] | None = None) -> np.ndarray:
    """One step per symbol and a blank after each, certain but for planted doubts: place -> (rival, probability)."""
    rows = []
    for place, symbol in enumerate(symbols):
        row = np.full(len(ALPHABET) + 1, 1e-6)
        row[ALPHABET.index(symbol)] = 1.0
        if doubts and place in doubts:
            rival, share = doubts[place]
            row[ALPHABET.index(symbol)], row[ALPHABET.index(rival)] = 1.0 - share, share
        blank = np.full(len(ALPHABET) + 1, 1e-6)
        blank[-1] = 1.0
        rows += [row, blank]
    values = np.array(rows)
    return np.log(values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def blame(heard: str, said: str, emissions: np.ndarray, judge: Judge) -> dict[str, int]:
    report = score([heard], [said])
    found = assign_blame(report, lambda _: Evidence(emissions, Aligner(Alphabet(ALPHABET))), judge)
    assert sum(found.by_cause.values()) == report.normalized.words.total().errors
    assert tuple(found.by_cause) == CAUSES
    return {cause: number for cause, number in found.by_cause.items() if number}


def prefers(text: str) -> Judge:
    return Judge(lambda other: 0.0 if other == text else -10.0, lm_weight=1.0)


@pytest.mark.parametrize(
    ("doubt", "judge", "cause"),
    [
        (0.1, Judge(), "acoustic model"),  # heard more clearly than what was said
        (0.9, prefers("bat"), "language model"),  # the ear was right, the language model was not
        (0.9, Judge(), "search"),  # what was said scores best and was not found
        (0.1, prefers("cat"), "search"),  # only with the language model
        (0.1, Judge(vocabulary={"bat"}), "vocabulary"),
    ],
)
def test_one_error_has_one_cause(doubt: float, judge: Judge, cause: str) -> None:
    emissions = emissions_of("bat", doubts={0: ("c", doubt)})
    assert blame("bat", "cat", emissions, judge) == {cause: 1}


def test_words_that_cannot_be_spelled_are_out_of_the_vocabulary() -> None:
    assert blame("bat", "bäd", emissions_of("bat"), Judge()) == {"vocabulary": 1}


def test_each_stretch_is_judged_by_itself() -> None:
    emissions = emissions_of("bat a cad", doubts={0: ("c", 0.9), 8: ("t", 0.2)})
    assert blame("bat a cad", "cat a cat", emissions, Judge()) == {"acoustic model": 1, "search": 1}


def test_deletions_and_insertions_are_judged_too() -> None:
    assert blame("a", "a bad cat", emissions_of("a"), Judge()) == {"acoustic model": 2}
    assert blame("a bad cat", "", emissions_of("a"), Judge()) == {"search": 3}


def test_utterances_without_evidence_are_counted() -> None:
    report = score(["bat", "9 lives"], ["cat", "nine wives"])
    evidence = Evidence(emissions_of("a"), Aligner(Alphabet(ALPHABET)))  # its alphabet cannot spell "lives"
    found = assign_blame(report, lambda name: evidence if name == "2" else None, Judge())
    assert found.errors == []
    assert found.num_skipped == 2


def test_the_command_finds_emissions_and_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's folder, its language model, and the weights told by its results."""
    from typer.testing import CliRunner

    from asrkit.cli.whole import app
    from asrkit.emissions import EmissionsInfo, as_stored, pack_emissions

    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "emissions").mkdir(parents=True)
    info = EmissionsInfo("u1", Alphabet(ALPHABET), 20.0, 1.0, "u1.wav", "f", "model", "f")
    emissions = as_stored(emissions_of("bat", doubts={0: ("c", 0.6)}))
    (tmp_path / "run" / "emissions" / "u1.emissions.npz").write_bytes(pack_emissions(emissions, info))
    decoding: dict[str, object] = {"lm_weight": 2.0, "word_bonus": 0.0}
    row = {"utterance_id": "u1", "text": "bat", "provenance": {"decoding": decoding}}
    (tmp_path / "run" / "results.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "ref.jsonl").write_text('{"id": "u1", "text": "cat"}\n')
    write_lm(tmp_path / "lm.arpa", {"bat": -0.5, "cat": -2})
    arguments = ["score", "run", "ref.jsonl", "--json", "--emissions", "run"]
    done = CliRunner().invoke(app, [*arguments, "--lm", "lm.arpa"])
    blamed = json.loads(done.stdout)["details"]["blame"]
    assert blamed["by_cause"] == {"acoustic model": 0, "language model": 1, "vocabulary": 0, "search": 0}
    assert blamed["errors"][0]["prior_difference"] == pytest.approx(2.0 * 1.5 * np.log(10.0), abs=1e-3)
    assert blamed["errors"][0]["acoustic_difference"] == pytest.approx(np.log(0.4 / 0.6), abs=0.01)
    alone = json.loads(CliRunner().invoke(app, arguments).stdout)["details"]["blame"]
    assert alone["by_cause"]["search"] == 1

    priors = np.full(len(ALPHABET) + 1, -3.0)
    priors[ALPHABET.index("c")] = -1.0  # as common as it is, it was heard by 2 nats less
    decoding |= {"prior_scale": 1.0, "log_priors": priors.tolist()}
    (tmp_path / "run" / "results.jsonl").write_text(json.dumps(row) + "\n")
    done = CliRunner().invoke(app, [*arguments, "--lm", "lm.arpa"])
    divided = json.loads(done.stdout)["details"]["blame"]["errors"][0]
    assert divided["acoustic_difference"] == pytest.approx(np.log(0.4 / 0.6) + 2.0, abs=0.01)
    assert divided["cause"] == "acoustic model"
    alone = json.loads(CliRunner().invoke(app, arguments).stdout)["details"]["blame"]["errors"][0]
    assert alone["acoustic_difference"] == pytest.approx(np.log(0.4 / 0.6), abs=0.01)


def write_lm(path: Path, words: dict[str, float]) -> None:
    words = {"<unk>": -3, "<s>": -99, "</s>": -1, **words}
    entries = "".join(f"{log10}\t{word}\n" for word, log10 in words.items())
    path.write_text(f"\\data\\\nngram 1={len(words)}\n\n\\1-grams:\n{entries}\n\\end\\\n")


def test_a_model_of_phonemes_is_judged_with_its_lexicon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As letters, "a" and "t" would be other words; the language model has them in capitals."""
    from typer.testing import CliRunner

    from asrkit.cli.whole import app
    from asrkit.emissions import EmissionsInfo, as_stored, pack_emissions

    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "emissions").mkdir(parents=True)
    info = EmissionsInfo("u1", Alphabet(ALPHABET), 20.0, 1.0, "u1.wav", "f", "model", "f")
    emissions = as_stored(emissions_of("bat", doubts={0: ("c", 0.6)}))
    (tmp_path / "run" / "emissions" / "u1.emissions.npz").write_bytes(pack_emissions(emissions, info))
    (tmp_path / "lexicon.tsv").write_text("pat\tb a t\nkat\tc a t\n")
    provenance = {"decoding": {"lm_weight": 2.0, "word_bonus": 0.0}, "lexicon": "lexicon.tsv"}
    row = {"utterance_id": "u1", "text": "pat", "provenance": provenance}
    (tmp_path / "run" / "results.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "ref.jsonl").write_text('{"id": "u1", "text": "kat"}\n')
    write_lm(tmp_path / "lm.arpa", {"PAT": -0.5, "KAT": -2})
    arguments = ["score", "run", "ref.jsonl", "--json", "--emissions", "run", "--lm", "lm.arpa"]
    done = CliRunner().invoke(app, [*arguments, "--lexicon", "lexicon.tsv"])
    blamed = json.loads(done.stdout)["details"]["blame"]
    assert blamed["by_cause"] == {"acoustic model": 0, "language model": 1, "vocabulary": 0, "search": 0}
    assert blamed["errors"][0]["prior_difference"] == pytest.approx(2.0 * 1.5 * np.log(10.0), abs=1e-3)
    assert blamed["errors"][0]["acoustic_difference"] == pytest.approx(np.log(0.4 / 0.6), abs=0.01)
    done = CliRunner().invoke(app, arguments)
    assert "decoded with a lexicon, lexicon.tsv; name it with --lexicon" in str(done.exception)


@pytest.mark.parametrize("named", [False, True])
def test_the_model_of_a_run_brings_lexicon_and_language_model(
    named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That in the box needs no name, if it is the very one."""
    from typer.testing import CliRunner

    from asrkit.cli.settings import boxed_models
    from asrkit.cli.whole import app
    from asrkit.emissions import EmissionsInfo, as_stored, pack_emissions
    from asrkit.model.bundle import Bundle

    monkeypatch.chdir(tmp_path)
    bundle = Bundle.load(boxed_models()[0])
    assert bundle.language_model is not None
    labels = [label.lower() for label in bundle.symbols.labels]
    heard = np.full((6, len(labels)), np.log(1e-4), np.float32)
    for step, label in enumerate(["k", None, "ae", None, "t", None]):
        heard[step, bundle.symbols.blank_index if label is None else labels.index(label)] = np.log(0.99)
    (tmp_path / "run" / "emissions").mkdir(parents=True)
    info = EmissionsInfo("u1", bundle.symbols, 20.0, 1.0, "u1.wav", "f", "model", "f")
    (tmp_path / "run" / "emissions" / "u1.emissions.npz").write_bytes(pack_emissions(as_stored(heard), info))
    provenance = {
        "decoding": {"lm_weight": 1.0, "word_bonus": 0.0},
        "model": bundle.name,
        "model_fingerprint": "another" if named else bundle.fingerprint,
        "lm": bundle.language_model.name,
        "lexicon": "lexicon.txt",
    }
    row = {"utterance_id": "u1", "text": "cat", "provenance": provenance}
    (tmp_path / "run" / "results.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "ref.jsonl").write_text('{"id": "u1", "text": "bat"}\n')
    arguments = ["score", "run", "ref.jsonl", "--json", "--emissions", "run"]
    done = CliRunner().invoke(app, [*arguments, *(["--model", bundle.name] if named else [])])
    (error,) = json.loads(done.stdout)["details"]["blame"]["errors"]
    assert error["cause"] == "acoustic model"
    assert error["prior_difference"] not in (None, 0.0)
    if named:
        assert "name it with --lexicon, or --model" in str(CliRunner().invoke(app, arguments).exception)
