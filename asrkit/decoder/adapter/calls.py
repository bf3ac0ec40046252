"""What a call of pyctcdecode's asks of the search and of the pool that carries it out, and what pieces hand on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from multiprocessing.context import SpawnContext
from typing import Any, Self

from asrkit.config import DecodingConfig
from asrkit.config.settings import MOST_NUMBER
from asrkit.decoder.emissions import listed
from asrkit.decoder.hypothesis import Hypothesis
from asrkit.errors import ConfigError, DecodingError

_NEAR_ZERO = 1e-6
_NAMES = {  # of our settings
    "beam": "beam_width",
    "beam_threshold": "beam_prune_logp",
    "symbol_threshold": "token_min_logp",
    "lm_weight": "alpha",
    "word_bonus": "beta",
}


@dataclass(frozen=True)
class Call:
    """What one call asks of the search, under pyctcdecode's names."""

    beam_width: int = 100
    beam_prune_logp: float = -10.0
    token_min_logp: float = -5.0
    hotwords: tuple[str, ...] = ()
    hotword_weight: float = 10.0
    n_best: int = 1

    def settings(self) -> dict[str, Any]:
        """Return the settings of our search."""
        return {
            "beam": self.beam_width,
            "beam_threshold": min(max(-float(self.beam_prune_logp), _NEAR_ZERO), 80.0),
            "symbol_threshold": min(max(-float(self.token_min_logp), _NEAR_ZERO), MOST_NUMBER),
            "n_best": self.n_best,
        }


@dataclass(frozen=True)
class LMBeam:
    """A text so far.

    Args:
        text: Its words.
        text_frames: Their frames, counted from the start of the utterance.
        logit_score: Natural log-probability of the text given the emissions.
        lm_score: The same with language model, bonus and hotwords.
    """

    text: str
    text_frames: list[tuple[int, int]]
    logit_score: float
    lm_score: float

    @classmethod
    def of(cls, h: Hypothesis) -> Self:
        """Return a hypothesis as a beam."""
        return cls(h.text, [(word.start_step, word.end_step) for word in h.words], h.acoustic_score, h.score)


@dataclass(frozen=True)
class LMState:
    """Where a language model stands after a text: hand it to the next call as ``lm_start_state``.

    Args:
        words: The last words, as many as the model looks back on.
    """

    words: tuple[str, ...]


@dataclass(frozen=True)
class HotwordScorer:
    """Words and phrases to prefer in all pieces of an utterance.

    Args:
        hotwords: The words and phrases.
        weight: How much, in nats.
    """

    hotwords: tuple[str, ...]
    weight: float

    @classmethod
    def build_scorer(cls, hotwords: Iterable[str] | None = None, weight: float = 10.0) -> Self:
        """Make one as pyctcdecode does."""
        return cls(listed(hotwords, "hotwords"), weight)


def search_config(settings: Mapping[str, Any]) -> DecodingConfig:
    """Return the settings of our search.

    Raises:
        DecodingError: One is out of range; it is called what pyctcdecode calls it.
    """
    try:
        return DecodingConfig(**settings)
    except ConfigError as error:
        name, _, problem = str(error).partition(" ")
        raise DecodingError(f"{_NAMES.get(name, name)} {problem}") from None


def maps(pool: Any) -> bool:
    """Whether a pool is to spread the work; as in pyctcdecode, one that spawns its processes is not."""
    context = getattr(pool, "_ctx", getattr(pool, "_mp_context", None))
    return hasattr(pool, "map") and not isinstance(context, SpawnContext)


def check_boundary(score_boundary: bool) -> None:
    """Refuse what the search cannot do.

    Raises:
        DecodingError: Sentences are to have no begin and end.
    """
    if not score_boundary:
        raise DecodingError("lm_score_boundary=False is not supported: sentences are scored with their begin and end")
