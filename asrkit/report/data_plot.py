"""What a corpus holds, as a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from asrkit.data import Utterance
from asrkit.report.figures import new_figure, save_figure

_MOST_SPEAKERS = 40


def draw_statistics(utterances: Sequence[Utterance], path: Path) -> None:
    """Draw lengths, speaking rates, minutes a speaker and character frequencies.

    What has no text or speaker is left out of the panels that need it. The suffix names the kind of picture.

    Raises:
        ConfigError: The picture cannot be written.
    """
    by_corpus: defaultdict[str, list[Utterance]] = defaultdict(list)
    minutes: defaultdict[str, float] = defaultdict(float)
    characters: defaultdict[str, int] = defaultdict(int)
    for utterance in utterances:
        by_corpus[utterance.corpus or "unnamed"].append(utterance)
        minutes[utterance.speaker or "unnamed"] += (utterance.duration_s or 0.0) / 60
        for character in (utterance.text or "").casefold():
            characters[character] += 1

    figure = new_figure(11, 7)
    (lengths, rates), (speakers, letters) = figure.subplots(2, 2)
    for name, members in sorted(by_corpus.items()):
        lengths.hist([u.duration_s or 0.0 for u in members], bins=40, alpha=0.6, label=name)
        spoken = [len(u.text) / u.duration_s for u in members if u.text and u.duration_s]
        rates.hist(spoken, bins=40, alpha=0.6, label=name)
    lengths.set(xlabel="seconds", ylabel="utterances", title="length")
    rates.set(xlabel="characters a second", ylabel="utterances", title="speaking rate")
    lengths.legend(fontsize="small")
    longest = sorted(minutes.items(), key=lambda item: -item[1])[:_MOST_SPEAKERS]
    speakers.bar(range(len(longest)), [value for _, value in longest])
    speakers.set(xlabel=f"speakers ({len(minutes):,} in all)", ylabel="minutes", title="speech of each speaker")
    frequent = sorted(characters.items(), key=lambda item: -item[1])[:_MOST_SPEAKERS]
    letters.bar([repr(character)[1:-1] for character, _ in frequent], [count for _, count in frequent])
    letters.set(ylabel="times", title="characters")
    save_figure(figure, path)
