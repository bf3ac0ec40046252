"""What decoding goes on from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LMState:
    """Where a language model stands after a text: hand it to the next call as ``lm_start_state``.

    Args:
        words: The last words, as many as the model looks back on.
    """

    words: tuple[str, ...]
