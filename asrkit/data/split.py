"""Held-out sets: who and what the model must not hear in training."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
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
    if name not in SPLITS:
        raise ConfigError(f"unknown split {name!r}; known: {', '.join(SPLITS)}")
    if name == "last500":
        places = _last500(utterances)
    elif name == "chapter":
        places = _chapters(utterances)
    else:
        drawn = utterances if name == "speaker" else [replace(utterance, speaker=None) for utterance in utterances]
        places = {utterance.id: "dev" for utterance in split_utterances(drawn, dev_share, seed)[1]}
    return {set_name: [u for u in utterances if places.get(u.id, "train") == set_name] for set_name in SPLITS[name]}


def _last500(utterances: Sequence[Utterance]) -> dict[str, str]:
    """Return the sets of the held-out ids."""
    if len(utterances) <= 500:
        raise ManifestError(f"the split last500 needs more than 500 utterances, not {len(utterances)}; use random")
    ids = sorted(utterance.id for utterance in utterances)[-500:]
    return dict.fromkeys(ids[:250], "dev") | dict.fromkeys(ids[250:], "test")


def _chapters(utterances: Sequence[Utterance]) -> dict[str, str]:
    """Return the sets of the held-out ids."""
    chapter_of = {utterance.id: utterance.id.rpartition("-")[0] or utterance.id for utterance in utterances}
    chapters = sorted(set(chapter_of.values()))
    if len(chapters) < 10:
        raise ManifestError(f"the split chapter needs at least 10 chapters, not {len(chapters)}; use random")
    sets = dict.fromkeys(chapters[4::10], "dev") | dict.fromkeys(chapters[9::10], "test")
    return {utterance_id: sets[chapter] for utterance_id, chapter in chapter_of.items() if chapter in sets}
