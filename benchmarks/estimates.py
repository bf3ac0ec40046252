"""How far the estimate of the WER without references is from the WER, on speech that the estimate was not fitted on.

    python benchmarks/estimates.py dev.tsv --by corpus

The model transcribes a manifest with its language model, as it comes. Each value of a column in turn is left out: how
sure words are is learned from the others, and the estimate of those left out stands beside their errors. Settings of
the search are the model's own, which may have been tuned on all of them.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from timing import machine, markdown_table

from asrkit.cli.settings import choose_model
from asrkit.config import DecodingConfig
from asrkit.data import read_manifest
from asrkit.decoder import BeamSearchDecoder
from asrkit.language_model import NgramModel
from asrkit.model.bundle import Bundle
from asrkit.tuning import emit_dev_set
from asrkit.tuning.confidence import Doubt, ExpectedErrors, Judged, calibrate, confidences, judge_dev_set


def estimate(fitted: list[Judged], others: list[Judged], config: DecodingConfig) -> ExpectedErrors:
    """Return the errors expected of utterances by what others teach."""
    calibration = calibrate(fitted, config, lm="")
    return ExpectedErrors.of(calibration, [Doubt.of(confidences(calibration, one.heard)) for one in others])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a manifest with texts and speakers")
    parser.add_argument("--by", default="corpus", help="the column whose values are left out in turn")
    parser.add_argument(
        "--model", type=Path, help="a bundle with its language model; by default as of asrkit transcribe"
    )
    options = parser.parse_args()
    bundle = Bundle.load(choose_model(options.model).path)
    utterances = read_manifest(options.data)
    with options.data.open(encoding="utf-8", newline="") as lines:
        values = [row[options.by] for row in csv.DictReader(lines, delimiter="\t")]
    if len(values) != len(utterances):
        parser.error(f"{options.data}: not a line an utterance")
    dev = emit_dev_set(bundle, utterances)
    config = DecodingConfig.from_dict({**bundle.decoding, "decoder": "beam"})
    decoder = BeamSearchDecoder(bundle.symbols, NgramModel.load(bundle.language_model), config, lexicon=bundle.lexicon)
    judged = judge_dev_set(decoder, dev.emissions, dev.references, speakers=[u.speaker for u in utterances])
    parts: dict[str, list[tuple[Judged, int]]] = {}
    for one, value, reference in zip(judged, values, dev.references, strict=True):
        if one is not None:
            parts.setdefault(value, []).append((one, len(reference.split())))
    rows = []
    for value, part in sorted(parts.items()):
        others = [one for name, several in parts.items() for one, _ in several if name != value]
        expected = estimate(others, [one for one, _ in part], config)
        true = sum(one.errors for one, _ in part) / sum(words for _, words in part)
        low, high = expected.interval or (np.nan, np.nan)
        rate = expected.rate or np.nan
        told = f"{100 * rate:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
        inside = "inside" if low <= true <= high else "outside"
        rows.append([value, f"{len(part):,}", told, f"{100 * true:.1f}", f"{100 * (rate - true):+.1f}", inside])
    print(f"{bundle.name}; {machine()}\n")
    head = ["left out", "utterances", "estimated WER in percent", "true", "error", "interval"]
    print(*markdown_table(head, rows), sep="\n")


if __name__ == "__main__":
    main()
