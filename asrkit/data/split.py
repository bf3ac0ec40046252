"""Held-out sets: who and what the model must not hear in training."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from asrkit.data.utterance import Utterance
from asrkit.errors import ConfigError, ManifestError

_FEWEST_SPEAKERS = 4  # with fewer, one held-out speaker would take too much of the training set


def split_utterances(
    utterances: Sequence[Utterance], dev_share: float = 0.05, seed: int = 1
) -> tuple[list[Utterance], list[Utterance]]:
    """Split into training and dev set, the same way for the same utterances in any order.

    From four speakers on, whole speakers are held out, so that dev tells how the model does on strangers; with
    fewer, utterances are drawn. A recording whose speaker is not known counts as a speaker of its own,
    with all its parts.

    ``dev_share`` is one of seconds (of utterances, where a length is unknown); at least one speaker or utterance is
    held out.

    Returns:
        Training and dev set, each in the order of ``utterances``.

    Raises:
        ConfigError: ``dev_share`` does not lie between 0 and 1.
        ManifestError: There are fewer than two utterances.
    """
    if not 0.0 < dev_share < 1.0:
        raise ConfigError(f"dev_share must lie between 0 and 1, not {dev_share!r}")
    if len(utterances) < 2:
        raise ManifestError(f"{len(utterances)} utterance(s) cannot be split; give a dev set of its own")
    by_speaker = len({utterance.speaker for utterance in utterances if utterance.speaker}) >= _FEWEST_SPEAKERS
    groups: dict[str, list[Utterance]] = defaultdict(list)
    first_ids: dict[Path, str] = {}  # of recordings: the draw does not depend on where a corpus lies
    for utterance in sorted(utterances, key=lambda utterance: utterance.id):
        if by_speaker and utterance.speaker:
            groups[f"speaker {utterance.speaker}"].append(utterance)
        else:
            first_id = first_ids.setdefault(utterance.audio_path, utterance.id) if by_speaker else utterance.id
            groups[f"utterance {first_id}"].append(utterance)
    dev = _draw(groups, dev_share, seed)
    dev_ids = {utterance.id for name in dev for utterance in groups[name]}
    train = [utterance for utterance in utterances if utterance.id not in dev_ids]
    return train, [utterance for utterance in utterances if utterance.id in dev_ids]


def _draw(groups: dict[str, list[Utterance]], dev_share: float, seed: int) -> set[str]:
    """Draw groups until their share is nearest to the one asked for; never all of them."""
    has_lengths = all(utterance.duration_s for group in groups.values() for utterance in group)
    sizes = {
        name: sum(utterance.duration_s or 0.0 for utterance in group) if has_lengths else float(len(group))
        for name, group in groups.items()
    }
    wanted = dev_share * sum(sizes.values())
    names = sorted(groups)
    random.Random(seed).shuffle(names)
    drawn: set[str] = set()
    size = 0.0
    for name in names:
        if len(drawn) == len(names) - 1 or size >= wanted:
            break
        if not drawn or size + sizes[name] / 2 <= wanted:
            drawn.add(name)
            size += sizes[name]
    return drawn


# What each published recipe makes.
SPLITS = {
    "speaker": ("train", "dev"),
    "random": ("train", "dev"),
    "last500": ("train", "dev", "test"),
    "chapter": ("train", "dev", "test"),
}


def named_split(
    utterances: Sequence[Utterance], name: str, dev_share: float = 0.05, seed: int = 1
) -> dict[str, list[Utterance]]:
    """Split by one of the published recipes.

    ``speaker``: as ``split_utterances``. ``random``: seeded draw of utterances, as the Keras CTC example splits
    LJSpeech, whose held-out sentences have neighbors in training. ``last500``: the last 500 ids, 250 for dev and 250
    for test, as ESPnet splits LJSpeech. ``chapter``: whole chapters (the id without its last ``-number``) in sorted
    order, every tenth from the fifth for dev and every tenth from the tenth for test.

    Args:
        utterances: What to split.
        name: One of ``SPLITS``.
        dev_share: Share to hold out, for ``speaker`` and ``random``.
        seed: Of ``speaker`` and ``random``.

    Returns:
        The sets that ``SPLITS`` names; none is empty.

    Raises:
        ConfigError: There is no such split.
        ManifestError: There are too few utterances or chapters.
    """
    if name == "last500":
        return _split_last500(utterances)
    if name == "chapter":
        return _split_chapters(utterances)
    if name == "random":
        nobody = {utterance.id: replace(utterance, speaker=None) for utterance in utterances}
        kept_out = {utterance.id for utterance in split_utterances(list(nobody.values()), dev_share, seed)[1]}
        return _sets(utterances, lambda utterance: "dev" if utterance.id in kept_out else "train")
    if name == "speaker":
        train, dev = split_utterances(utterances, dev_share, seed)
        return {"train": train, "dev": dev}
    raise ConfigError(f"unknown split {name!r}; known: {', '.join(SPLITS)}")


def _split_last500(utterances: Sequence[Utterance]) -> dict[str, list[Utterance]]:
    if len(utterances) <= 500:
        raise ManifestError(f"the split last500 needs more than 500 utterances, not {len(utterances)}; use random")
    ids = sorted(utterance.id for utterance in utterances)
    places = dict.fromkeys(ids[:-500], "train") | dict.fromkeys(ids[-500:-250], "dev")
    return _sets(utterances, lambda utterance: places.get(utterance.id, "test"))


def _split_chapters(utterances: Sequence[Utterance]) -> dict[str, list[Utterance]]:
    chapters = sorted({_chapter(utterance) for utterance in utterances})
    if len(chapters) < 10:
        raise ManifestError(f"the split chapter needs at least 10 chapters, not {len(chapters)}; use random")
    dev, test = set(chapters[4::10]), set(chapters[9::10])

    def place(utterance: Utterance) -> str:
        chapter = _chapter(utterance)
        return "dev" if chapter in dev else "test" if chapter in test else "train"

    return _sets(utterances, place)


def _chapter(utterance: Utterance) -> str:
    return utterance.id.rpartition("-")[0] or utterance.id


def _sets(utterances: Sequence[Utterance], place: Callable[[Utterance], str]) -> dict[str, list[Utterance]]:
    sets: dict[str, list[Utterance]] = {"train": [], "dev": []}
    for utterance in utterances:
        sets.setdefault(place(utterance), []).append(utterance)
    return sets
