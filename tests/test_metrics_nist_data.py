"""NIST's own test data of SCTK, where it lies beside the project: the counts are those of sclite 2.4.10."""

from __future__ import annotations

import lzma
import string
from dataclasses import replace
from pathlib import Path

import pytest

from asrkit.config import ScoringConfig
from asrkit.errors import ScoringError
from asrkit.metrics.joining import join, read_pair
from asrkit.metrics.scoring import ScoreReport, score_pairs

DATA = Path(__file__).resolve().parents[2] / "shared" / "reference" / "sctk"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="SCTK's test data does not lie beside the project")

# sclite folds the case of ASCII letters by itself.
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def score_as_sclite(hyp: Path, ref: Path, **settings: str) -> ScoreReport:
    config = ScoringConfig(normalizer="none", weights="nist", resamples=0, **settings)  # type: ignore[arg-type]
    one, other, _ = read_pair(hyp, ref, config=config)
    pairs = join(one, other, config.missing, config.extra)
    columns = dict(pairs.columns)
    if "alternatives" in columns:
        columns["alternatives"] = [ways and ways.translate(LOWER) for ways in columns["alternatives"]]
    pairs = replace(
        pairs,
        hypotheses=[text.translate(LOWER) for text in pairs.hypotheses],
        references=[text.translate(LOWER) for text in pairs.references],
        columns=columns,
        notation=pairs.notation if config.notation == "nist" else (False, False),
    )
    return score_pairs(pairs, config)


@pytest.mark.parametrize(
    ("hyp", "ref", "settings", "utterances", "counts"),  # hits, substitutions, deletions, insertions
    [
        ("tests.hyp", "tests.ref", {}, 58, (178, 75, 13, 33)),
        ("lvc_hyp.ctm", "lvc_ref.stm", {}, 61, (1015, 539, 227, 170)),
        ("lvc_hypc.ctm", "lvc_ref.stm", {}, 61, (1015, 539, 227, 170)),
        ("lvc_hyp.ctm", "lvc_refe.stm", {}, 58, (959, 502, 213, 164)),
        ("lvc_hypm.ctm", "lvc_refm.stm", {}, 6, (23, 9, 21, 33)),
        ("lvc_hypr.ctm", "lvc_refr.stm", {}, 30, (239, 143, 413, 59)),
        ("test.turkish.hyp", "test.turkish.ref", {}, 3, (7, 0, 7, 7)),
        ("test.ukranian.hyp", "test.ukranian.ref", {}, 6, (53, 13, 0, 2)),
        ("test.vietnamese.hyp.trn", "test.vietnamese.ref.trn", {}, 8, (604, 20, 136, 208)),
        ("demo.hyp.txt", "demo.ref.txt", {}, 2, (39, 7, 0, 1)),
        ("mand_hyp.ctm", "mand_ref.stm", {}, 10, (35, 1, 1, 1)),
        ("mand_hyp.ctm", "mand_ref.stm", {"notation": "none"}, 10, (33, 3, 1, 1)),
        ("test.cantonese.ctm", "test.cantonese.stm", {}, 3, (26, 4, 4, 5)),
        ("test.cantonese.ctm", "test.cantonese.stm", {"notation": "none"}, 3, (23, 5, 6, 5)),
        ("stm2ctm_missing.hyp.ctm", "stm2ctm_missing.ref.stm", {}, 8, (83, 58, 21, 18)),
        ("stm2ctm_missing.hyp-missall.ctm", "stm2ctm_missing.ref.stm", {}, 8, (0, 0, 162, 0)),
        ("stm2ctm_missing.hyp-missfile1.ctm", "stm2ctm_missing.ref.stm", {}, 8, (66, 49, 47, 11)),
        ("stm2ctm_missing.hyp-missfile1chanA.ctm", "stm2ctm_missing.ref.stm", {}, 8, (83, 55, 24, 11)),
        ("stm2ctm_missing.hyp-missfile1chanb.ctm", "stm2ctm_missing.ref.stm", {}, 8, (66, 52, 44, 18)),
        ("stm2ctm_missing.hyp-missfile2.ctm", "stm2ctm_missing.ref.stm", {}, 8, (17, 9, 136, 7)),
        ("stm2ctm_missing.hyp-missfile2chanA.ctm", "stm2ctm_missing.ref.stm", {}, 8, (50, 29, 83, 7)),
        ("stm2ctm_missing.hyp-missfile2chanB.ctm", "stm2ctm_missing.ref.stm", {}, 8, (50, 38, 74, 18)),
        ("stm2ctm_missing.hyp-extra.ctm", "stm2ctm_missing.ref.stm", {"extra": "ignore"}, 8, (83, 58, 21, 18)),
    ],
)
def test_every_file_counts_as_in_sclite(
    hyp: str, ref: str, settings: dict[str, str], utterances: int, counts: tuple[int, ...], tmp_path: Path
) -> None:
    for name in (hyp, ref):
        content = (DATA / name).read_bytes()
        text = content.decode("gb18030") if name.startswith("mand_") else content.decode()
        (tmp_path / name).write_text(text, encoding="utf-8")
    report = score_as_sclite(tmp_path / hyp, tmp_path / ref, missing="deletions", **settings)
    total = report.normalized.words.total()
    assert len(report.pairs) == utterances
    assert (total.hits, total.substitutions, total.deletions, total.insertions) == counts


def test_a_recording_without_references_is_an_error_as_in_sclite() -> None:
    with pytest.raises(ScoringError, match=r"recording '9999', channel 'B' is not in .*--extra ignore"):
        score_as_sclite(DATA / "stm2ctm_missing.hyp-extra.ctm", DATA / "stm2ctm_missing.ref.stm")


@pytest.mark.parametrize("name", ["tests.ref", "tests.hyp", "test.turkish.ref", "test.vietnamese.ref.trn"])
@pytest.mark.parametrize("weights", ["unit", "nist"])
def test_every_reference_against_itself_has_no_error(name: str, weights: str, tmp_path: Path) -> None:
    for side in ("h.trn", "r.trn"):
        (tmp_path / side).write_bytes((DATA / name).read_bytes())
    config = ScoringConfig(normalizer="none", weights=weights, resamples=0)
    one, other, _ = read_pair(tmp_path / "h.trn", tmp_path / "r.trn", config=config)
    assert score_pairs(join(one, other), config).raw.words.total().errors == 0


@pytest.mark.slow
def test_meetings_with_speech_at_once_come_within_a_hundredth(tmp_path: Path) -> None:
    """RT-04S: segments of several speakers overlap on one channel, where sclite orders them by rules of its own."""
    for name in ("rt04.ctm", "rt04.stm"):
        (tmp_path / name).write_bytes(lzma.decompress((DATA / f"{name}.xz").read_bytes()))
    report = score_as_sclite(tmp_path / "rt04.ctm", tmp_path / "rt04.stm", missing="deletions")
    total = report.normalized.words.total()
    assert (len(report.pairs), total.num_reference) == (3_334, 20_785)
    assert total.errors == pytest.approx(13_828, abs=4)
