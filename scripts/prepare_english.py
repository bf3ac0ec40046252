"""Make the lists that the model in the box, english-small, is trained and chosen on.

    python scripts/prepare_english.py TRAIN DEV OUTPUT_DIR [--test TEST]

The lists are manifests with the columns ``corpus`` and ``speaker`` (``scripts/collect_english.py`` makes them from the
public corpora). Left out of the training list are the corpora whose licences ask derived works to be shared alike, and
AN4's test and dev speakers, those of ``prepare_an4.py``: AN4's recipe chooses a model fine-tuned from this one on its
dev speakers. ``tuning.tsv`` is DEV with these, for what is tuned after training. The sets that the model is judged on
go to ``OUTPUT_DIR/sets``: one for each corpus of DEV, and ``CORPUS_test`` for each of TEST and for AN4's test speakers,
whom neither training nor tuning has heard.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

from prepare_an4 import split_speakers

from asrkit.data import Utterance, read_manifest, write_manifest
from asrkit.errors import AsrkitError, ManifestError

SHARE_ALIKE = frozenset({"asterisk_allison"})
NUM_NAMED = 3


def select(utterances: list[Utterance]) -> tuple[list[Utterance], list[Utterance], list[Utterance]]:
    """Return what to train on, and AN4's dev and test sets."""
    free = [utterance for utterance in utterances if utterance.corpus not in SHARE_ALIKE]
    an4 = split_speakers([utterance for utterance in free if utterance.corpus == "an4"])
    held_out = {utterance.id for utterance in an4["test"] + an4["dev"]}
    return [utterance for utterance in free if utterance.id not in held_out], an4["dev"], an4["test"]


def require_strangers(train: list[Utterance], test: list[Utterance]) -> None:
    """Refuse a test set with a voice that is trained on."""
    known = {utterance.speaker for utterance in test if utterance.speaker} & {utterance.speaker for utterance in train}
    if known:
        names = ", ".join(sorted(known)[:NUM_NAMED])
        raise ManifestError(f"the test set has speakers that are trained on: {names}; leave them out of one of the two")


def judged(dev: list[Utterance], test: list[Utterance]) -> dict[str, list[Utterance]]:
    """Return the sets to report on, by name."""
    sets: defaultdict[str, list[Utterance]] = defaultdict(list)
    for utterances, ending in ((dev, ""), (test, "_test")):
        for utterance in utterances:
            sets[f"sets/{utterance.corpus or 'other'}{ending}"].append(utterance)
    return dict(sorted(sets.items()))


def describe(name: str, utterances: list[Utterance]) -> str:
    """Return the hours per corpus in a line."""
    hours: Counter[str] = Counter()
    for utterance in utterances:
        hours[utterance.corpus or "?"] += (utterance.duration_s or 0.0) / 3600
    parts = ", ".join(f"{corpus} {value:.2f}" for corpus, value in sorted(hours.items()))
    return f"{name}: {len(utterances)} utterances, {sum(hours.values()):.2f} h ({parts})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("output_dir", type=Path)
    parser.add_argument("--test", type=Path)
    arguments = parser.parse_args()
    try:
        train, an4_dev, an4_test = select(read_manifest(arguments.train))
        dev = [utterance for utterance in read_manifest(arguments.dev) if utterance.corpus not in SHARE_ALIKE]
        test = read_manifest(arguments.test) if arguments.test else []
        require_strangers(train, test)
        lists = {"train": train, "dev": dev, "tuning": dev + an4_dev, **judged(dev, test + an4_test)}
        for path in (arguments.output_dir / "sets").glob("*.tsv"):  # all that is there is reported on
            if f"sets/{path.stem}" not in lists:
                path.unlink()
        for name, utterances in lists.items():
            write_manifest(arguments.output_dir / f"{name}.tsv", utterances)
            print(describe(name, utterances))
    except (AsrkitError, OSError) as error:
        raise SystemExit(f"prepare_english: {error}") from None


if __name__ == "__main__":
    main()
