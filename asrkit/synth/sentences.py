"""Sentences of a small world: about 130 words, many thousands of sentences."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

TEMPLATES = (
    "please turn {switch} the {device} in the {room}",
    "turn {switch} the {color} {device}",
    "set the {clock} for {number} {span}",
    "play {genre} music in the {room}",
    "{name} will be {state} on {day}",
    "remind {name} to {task} the {thing} on {day}",
    "the {color} {animal} {rests} {near} the {place}",
    "my {relative} wants {number} {food} and {number} {food}",
    "how far is {city} from {city}",
    "what is the weather in {city} on {day}",
    "{name} and {name} took the {color} {vehicle} to {city}",
    "{name} can {task} {number} {food} with my {relative}",
)
WORDS = {
    "switch": "on off",
    "device": "lamp heater radio television kettle",
    "room": "kitchen bedroom garden office hallway",
    "color": "red blue green yellow black white",
    "clock": "timer alarm",
    "number": "two three four five six seven eight nine ten twelve twenty",
    "span": "minutes hours",
    "genre": "jazz piano country dance",
    "name": "anna peter susan david maria robert helen frank",
    "state": "home late early here",
    "day": "monday tuesday wednesday thursday friday saturday sunday",
    "task": "clean paint bring carry",
    "thing": "window door bicycle table letter",
    "animal": "dog cat horse rabbit sheep",
    "rests": "sits sleeps waits",
    "near": "under behind beside",
    "place": "house bridge river tree station",
    "relative": "mother father sister brother",
    "food": "apples oranges eggs potatoes cakes",
    "city": "london paris boston dublin chicago",
    "vehicle": "car train boat bus",
}
_SLOT = re.compile(r"\{(\w+)\}")
_CHOICES = {slot: tuple(words.split()) for slot, words in WORDS.items()}


def vocabulary() -> set[str]:
    """Return every word that a sentence can hold."""
    fixed = {word for template in TEMPLATES for word in template.split() if "{" not in word}
    return fixed.union(*_CHOICES.values())


def distinct_sentences(seed: int = 1) -> Iterator[str]:
    """Yield sentences without end (in practice: some ten thousand), none twice, the same for the same seed."""
    rng = random.Random(seed)
    seen: set[str] = set()
    while True:
        sentence = _fill(rng.choice(TEMPLATES), rng)
        if sentence not in seen:
            seen.add(sentence)
            yield sentence


def _fill(template: str, rng: random.Random) -> str:
    """Draw a word for each slot; two slots of a kind get two different words."""
    drawn: set[str] = set()

    def draw(match: re.Match[str]) -> str:
        word = rng.choice([word for word in _CHOICES[match[1]] if word not in drawn])
        drawn.add(word)
        return word

    return _SLOT.sub(draw, template)
