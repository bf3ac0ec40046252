"""Make the lists that the model in the box, english-small, is trained and chosen on.

    python scripts/prepare_english.py TRAIN DEV OUTPUT_DIR

TRAIN and DEV are manifests with the columns ``corpus`` and ``speaker`` (``scripts/collect_english.py`` makes them from
the public corpora). Left out of the training list are the corpora whose licences ask derived works to be shared alike,
and AN4's test and dev speakers, those of ``prepare_an4.py``: AN4's recipe chooses a model fine-tuned from this one on
its dev speakers. ``train_thinned.tsv``, for the later parts of the training, has every third utterance only of the
corpus whose short sentences, read by many, teach little more by then. The sets that the model is judged on, one for
each corpus of DEV and AN4's test speakers, go to ``OUTPUT_DIR/sets``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from prepare_an4 import split_speakers

from asrkit.data import Utterance, read_manifest, write_manifest
from asrkit.errors import AsrkitError

SHARE_ALIKE = frozenset({"asterisk_allison"})
THINNED = "speechocean762"
KEPT_OF_THINNED = 3  # one in so many


def select(utterances: list[Utterance]) -> tuple[list[Utterance], list[Utterance]]:
    """Return what to train on, and AN4's test set."""
    free = [utterance for utterance in utterances if utterance.corpus not in SHARE_ALIKE]
    an4 = split_speakers([utterance for utterance in free if utterance.corpus == "an4"])
    held_out = {utterance.id for utterance in an4["test"] + an4["dev"]}
    return [utterance for utterance in free if utterance.id not in held_out], an4["test"]


def thinned(train: list[Utterance]) -> list[Utterance]:
    """Return the list with a part only of the corpus that is thinned out."""
    corpus = [utterance for utterance in train if utterance.corpus == THINNED]
    kept = {utterance.id for utterance in corpus[KEPT_OF_THINNED - 1 :: KEPT_OF_THINNED]}
    return [utterance for utterance in train if utterance.corpus != THINNED or utterance.id in kept]


def judged(dev: list[Utterance], an4_test: list[Utterance]) -> dict[str, list[Utterance]]:
    """Return the sets to report on, by name."""
    corpora = sorted({utterance.corpus or "other" for utterance in dev})
    sets = {f"sets/{name}": [u for u in dev if (u.corpus or "other") == name] for name in corpora}
    return {**sets, "sets/an4_test": an4_test} if an4_test else sets


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
    arguments = parser.parse_args()
    try:
        train, an4_test = select(read_manifest(arguments.train))
        dev = [utterance for utterance in read_manifest(arguments.dev) if utterance.corpus not in SHARE_ALIKE]
        lists = {"train": train, "train_thinned": thinned(train), "dev": dev, **judged(dev, an4_test)}
        for name, utterances in lists.items():
            write_manifest(arguments.output_dir / f"{name}.tsv", utterances)
            print(describe(name, utterances))
    except AsrkitError as error:
        raise SystemExit(f"prepare_english: {error}") from None


if __name__ == "__main__":
    main()
