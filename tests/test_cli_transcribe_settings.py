"""Where the settings of ``asrkit transcribe`` come from, and what is known of its confidences."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from random_bundle import random_bundle
from transcribe_project import LM, provenance

from asrkit.config import Calibration, DecodingConfig
from asrkit.model.bundle import Bundle
from asrkit.transcription.provenance import file_fingerprint


def test_settings_come_from_flags_variables_project_and_bundle(project: Path, asrkit, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def beam(*flags: str) -> object:
        assert asrkit("transcribe", "wavs", *flags).code == 0
        return provenance()["decoding"]["beam"]  # type: ignore[index]

    assert beam() == 7  # the bundle's
    Path("asrkit.toml").write_text("[decoding]\nbeam = 6\n[transcription]\nformat = ['srt']\n")
    assert beam() == 6
    assert len(list(Path("transcripts").rglob("*.srt"))) == 3
    monkeypatch.setenv("ASRKIT_BEAM", "5")
    assert beam() == 5
    assert beam("--beam", "4") == 4


def test_any_setting_can_be_set_and_n_best_are_kept(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    done = asrkit(
        "transcribe", "wavs", "--n-best", "3", "--set", "decoding.beam_threshold=9", "--set", "transcription.jobs=1"
    )
    assert done.code == 0
    rows = [json.loads(line) for line in Path("transcripts/results.jsonl").read_text().splitlines()]
    assert rows[0]["provenance"]["decoding"]["beam_threshold"] == 9.0
    for row in rows:
        scores = [alternative["score"] for alternative in row["nbest"]]
        assert len(scores) == 3 and scores == sorted(scores, reverse=True)
        assert row["nbest"][0]["text"] == row["text"]
    assert asrkit("transcribe", "wavs", "--set", "training.epochs=1").code == 2
    assert asrkit("transcribe", "wavs", "--set", "decoding.beem=1").code == 2


def test_priors_are_told_where_they_count(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    from asrkit.model.bundle import Bundle

    priors = [-1.5] * len(Bundle.load("models/latest").alphabet)
    Path("asrkit.toml").write_text(f"[decoding]\nprior_scale = 0.5\nlog_priors = {priors}\n")
    assert asrkit("transcribe", "wavs", "--lm", "lm.arpa").code == 0
    assert provenance()["decoding"]["log_priors"] == priors  # type: ignore[index]
    for flags in (["--lm", "none"], ["--lm", "lm.arpa", "--set", "decoding.prior_scale=0"]):
        assert asrkit("transcribe", "wavs", *flags).code == 0
        assert "log_priors" not in provenance()["decoding"]  # type: ignore[operator]
    Path("asrkit.toml").write_text("[decoding]\nprior_scale = 0.5\n")
    done = asrkit("transcribe", "wavs", "--lm", "lm.arpa")
    assert done.code == 1 and "log_priors has 0 values" in done.err and "asrkit lm tune" in done.err


def test_hotwords_are_heard(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    Path("names.txt").write_text("Cab!\n\nbaca ab\n")
    assert asrkit("transcribe", "wavs").code == 0
    before = Path("transcripts/hyp.txt").read_text()
    flags = ["--hotwords", "names.txt", "--hotword", "BAB = 30", "--hotword-weight", "25"]
    assert asrkit("transcribe", "wavs", *flags).code == 0
    after = Path("transcripts/hyp.txt").read_text().split()

    def heard(words: list[str]) -> int:
        return sum(words.count(word) for word in ("cab", "bab", "baca"))

    assert heard(after) > heard(before.split())
    assert str(provenance()["decoding"]["hotwords"]).startswith("3 with hash")  # type: ignore[index]


def test_the_language_model_of_a_bundle_is_used_and_named(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    shutil.copy(project / "lm.arpa", project / "models/latest/language_model.arpa")

    def provenance(folder: str, *flags: str) -> tuple[str, dict[str, object]]:
        done = asrkit("transcribe", "wavs", "-o", folder, *flags)
        assert done.code == 0
        return done.err, json.loads((project / folder / "results.jsonl").read_text().splitlines()[0])

    said, own = provenance("own")
    assert "language_model.arpa, which comes with the model" in said
    assert json.dumps(own) != json.dumps(provenance("none", "--lm", "none")[1])
    for folder, flags in {"none2": ("--lm", "none"), "named": ("--lm", "lm.arpa"), "greedy": ("--beam", "1")}.items():
        assert "comes with the model" not in provenance(folder, *flags)[0]


def test_a_beam_takes_the_weights_that_were_tuned_nearest_to_it(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    wide, narrow = {"beam": 40, "mode": "thorough", "lm_weight": 1.1}, {"beam": 5, "mode": "accurate", "lm_weight": 0.3}
    random_bundle(project / "tuned", decoding=wide, tuned=[narrow])
    for flags, weight, mode, is_said in (
        ([], 1.1, "thorough", False),
        (["--beam", "4"], 0.3, "accurate", True),
        (["--beam", "4", "--lm-weight", "0.9"], 0.9, "accurate", True),
        (["--beam", "30"], 1.1, "thorough", False),
        (["--mode", "accurate"], 0.3, "accurate", True),
    ):
        done = asrkit("transcribe", "wavs", "--model", "tuned", "--lm", "lm.arpa", "-o", "out", "--overwrite", *flags)
        assert done.code == 0, done.err
        decoding = provenance("out")["decoding"]
        assert (decoding["lm_weight"], decoding["mode"]) == (weight, mode), flags  # type: ignore[index]
        assert ("those tuned for beam 5, mode accurate" in done.err) is is_said
        assert decoding["beam"] == (int(flags[1]) if "--beam" in flags else 40)  # type: ignore[index]


def lines_of(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def calibrated(folder: Path, **changes: object) -> None:
    """Store what is known of words decoded with lm.arpa and the default weights."""
    fingerprint = file_fingerprint(Path("lm.arpa"))
    known = {"lm": fingerprint, "beam": 50, "mode": "accurate", "weights": [2.0, -1.0, 0.0, 0.0, 0.0]}
    searched = {name: getattr(DecodingConfig, name) for name in ("lm_weight", "word_bonus", "prior_scale")}
    searched |= {name: getattr(DecodingConfig, name) for name in ("unknown_weight", "unknown_bonus")}
    found = {"deletions": 0.1, "insertions": 0.2, "spread": 0.2, "clumping": 2.0, "error": 0.02, "num_words": 900}
    Bundle.load(folder).with_decoding({}, (), [Calibration.from_dict({**searched, **known, **found, **changes})])


def test_calibrated_words_foretell_the_errors(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    plain = ("transcribe", "wavs", "--model", "other")
    assert asrkit(*plain, "--lm", "lm.arpa", "-o", "before").code == 0
    calibrated(project / "other")
    done = asrkit(*plain, "--lm", "lm.arpa", "-o", "out", "--keep-emissions")
    run = json.loads(Path("out/run.json").read_text())
    expected, rows = run["summary"]["expected"], [json.loads(line) for line in lines_of("out/results.jsonl")]
    words = [word["confidence"] for row in rows for word in row["words"]]
    assert len(words) > 3
    assert all(0.5 < sure < 0.9 for sure in words)  # from a constant of 2, and a root of at most 3 nats that weighs -1
    wrong = sum(1 - sure for sure in words)
    assert expected["errors"] == pytest.approx(1.1 * wrong, abs=1e-3)
    assert expected["word_error_rate"] == pytest.approx(1.1 * wrong / (len(words) - 0.1 * wrong), abs=1e-3)
    assert f"estimated WER {expected['word_error_rate']:.1%} [" in done.err
    assert run["provenance"]["confidence"] == rows[0]["provenance"]["confidence"] == "calibrated"
    assert rows[0]["confidence"] == pytest.approx(
        sum(w["confidence"] for w in rows[0]["words"]) / len(rows[0]["words"]), abs=1e-3
    )
    assert "errors  estimated WER" in asrkit("status", "out").out
    before = [json.loads(line) for line in lines_of("before/results.jsonl")]
    assert [row["text"] for row in before] == [row["text"] for row in rows]
    assert before[0]["provenance"]["key"] != rows[0]["provenance"]["key"]  # no table mixes both kinds of confidences

    again = asrkit(*plain, "--lm", "lm.arpa", "-o", "out")  # what is done counts as well
    assert "3 already done; estimated WER" in again.err
    assert json.loads(Path("out/run.json").read_text())["summary"]["expected"] == expected
    stored = asrkit("transcribe", "--emissions", "out", "--model", "other", "--lm", "lm.arpa", "-o", "decoded")
    assert "estimated WER" in stored.err
    assert Path("decoded/results.jsonl").read_bytes() == Path("out/results.jsonl").read_bytes()
    for number in ("2/2", "1/2"):
        assert asrkit(*plain, "--lm", "lm.arpa", "-o", "parts", "--shard", number).code == 0
    merged = json.loads(Path("parts/run.json").read_text())["summary"]["expected"]
    assert merged == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize(
    "flags",
    [
        ["--lm", "none"],
        ["--lm", "lm2.arpa"],
        ["--lm", "lm.arpa", "--lm-weight", "0.9"],
        ["--lm", "lm.arpa", "--hotword", "a"],
        ["--decoder", "greedy"],
    ],
)
def test_where_nothing_is_known_confidences_are_uncalibrated(project: Path, asrkit, flags: list[str]) -> None:  # type: ignore[no-untyped-def]
    Path("lm2.arpa").write_text(LM.replace("-0.5", "-0.6"))
    command = ("transcribe", "wavs", "--model", "other", *flags, "-o")
    assert asrkit(*command, "before").code == 0
    calibrated(project / "other")
    done = asrkit(*command, "out")
    assert "word confidences are uncalibrated" in done.err
    run = json.loads(Path("out/run.json").read_text())
    assert run["summary"]["expected"] is None
    assert run["provenance"]["confidence"] == "uncalibrated"
    assert Path("out/results.jsonl").read_bytes() == Path("before/results.jsonl").read_bytes()


def test_emissions_of_another_model_are_uncalibrated(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    calibrated(project / "other")
    assert asrkit("transcribe", "wavs", "-o", "kept", "--keep-emissions").code == 0
    done = asrkit("transcribe", "--emissions", "kept", "--model", "other", "--lm", "lm.arpa", "-o", "out")
    assert "word confidences are uncalibrated" in done.err


def test_parts_run_again_with_other_settings_wait_for_each_other(project: Path, asrkit) -> None:  # type: ignore[no-untyped-def]
    def part(number: int, *flags: str) -> str:
        done = asrkit("transcribe", "wavs", "--shard", f"{number}/3", *flags)
        assert done.code == 0
        return done.err  # type: ignore[no-any-return]

    for number in (1, 2, 3):
        told = part(number, "--decoder", "greedy")
    assert "all 3 shards are done" in told
    for number in (2, 1):
        told = part(number, "--beam", "4")
        assert f"waiting for {number} of 3 shards with these settings" in told
        done = asrkit("status")
        assert done.code == 0 and f"waiting for {number} of 3 shards with these settings" in done.out
    assert "shards  1-2 finished\n        3 finished with decoder greedy, beam 7\n" in done.out
    assert [group["numbers"] for group in json.loads(asrkit("status", "--json").out)["shards"]] == [[1, 2], [3]]
    assert part(3, "--beam", "4").count("their tables are merged") == 1
    assert "shards" not in asrkit("status").out
