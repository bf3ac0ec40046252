"""What goes into a decoder: checks, and the division by priors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.config import DecodingConfig
from asrkit.errors import DecodingError

Emissions = npt.NDArray[np.floating[Any]]
Lengths = Sequence[int] | npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.float32]

# A log-softmax in 16 bits may end a little above zero.
_TOLERANCE = 1e-2
# What the probabilities of a step never sum to, however they were rounded, and what all steps together never lack: some
# may be missing a likely output that somebody took out, but not each.
_MOST_SUM, _LEAST_SUM = 1.65, 1e-3
_ENOUGH_STEPS = 4


def check_emissions(emissions: Emissions, num_symbols: int, name: str) -> FloatArray:
    """Return emissions as the C++ core takes them; float32 rows that lie side by side are not copied.

    Args:
        emissions: ``(steps, num_symbols)`` natural log-probabilities.
        num_symbols: Size of the alphabet, with the blank.
        name: What to call the utterance in an error.

    Raises:
        DecodingError: The shape is wrong, or a value is NaN or positive, or a step has no possible symbol, or the
            probabilities of a few steps looked at sum to far more than 1 once, or to far less always.
    """
    array = np.asarray(emissions)
    if array.ndim != 2 or (array.dtype.kind != "f" and array.dtype.name != "bfloat16"):
        raise DecodingError(
            f"{name}: emissions must be floating-point numbers (steps, symbols), "
            f"not {array.dtype} of shape {array.shape}"
        )
    if array.shape[1] != num_symbols:
        raise DecodingError(
            f"{name}: emissions have {array.shape[1]} symbols per step, the alphabet with its blank has {num_symbols}; "
            "use the alphabet the model was trained with"
        )
    array = np.ascontiguousarray(array, np.float32)
    from asrkit import _native

    step = _native.find_faulty_step(array, _TOLERANCE)
    if step >= 0:
        raise DecodingError(f"{name}: {_describe_fault(array[step], step)}")
    count, step, most = _native.sample_sums(array)
    if most > _MOST_SUM or (most < _LEAST_SUM and count >= _ENOUGH_STEPS):
        which = f"of step {step}" if most > 1 else "of every step looked at"
        raise DecodingError(
            f"{name}: the probabilities {which} sum to {most:.3g}, not to 1; emissions are natural logarithms of "
            "probabilities, apply log_softmax to logits and cut off what pads an utterance"
        )
    return array


def _describe_fault(row: FloatArray, step: int) -> str:
    if np.isnan(row).any():
        return f"NaN at step {step}, symbol {int(np.argmax(np.isnan(row)))}; the model diverged or its input was broken"
    if row.max() < 0:
        return f"step {step} gives every symbol the probability 0"
    return (
        f"a positive log-probability, {row.max():.4g}, at step {step}; "
        "emissions are natural logarithms of probabilities, apply log_softmax to logits"
    )


def check_batch(
    emissions: Sequence[Emissions] | Emissions,
    lengths: Lengths | None,
    num_symbols: int,
    names: Sequence[str] | None,
) -> list[FloatArray]:
    """Return the emissions of each utterance, from a list or a padded array with its lengths.

    Args:
        emissions: A list of ``(steps, num_symbols)``, or a padded ``(utterances, steps, num_symbols)``.
        lengths: Steps of each utterance that count; all when None.
        num_symbols: Size of the alphabet, with the blank.
        names: What to call the utterances in an error; "utterance 0" and so on when None.

    Raises:
        DecodingError: As ``check_emissions``, or lengths or names do not fit.
    """
    for what, given in (("length", lengths), ("name", names)):
        if given is not None and len(given) != len(emissions):
            raise DecodingError(f"{len(emissions)} utterances but {len(given)} {what}s; give one {what} each")
    checked = []
    for i, array in enumerate(emissions):
        name = f"utterance {i}" if names is None else names[i]
        if lengths is not None:
            length = lengths[i]
            if not (0 <= length <= len(array) and length == int(length)):
                raise DecodingError(f"{name}: length {length} is no whole number of steps from 0 to {len(array)}")
            array = array[: int(length)]
        checked.append(check_emissions(array, num_symbols, name))
    return checked


def listed(words: Iterable[str] | None, what: str) -> tuple[str, ...]:
    """Return words that are given as a list.

    Raises:
        DecodingError: They are one text, whose letters would be taken for words.
    """
    if isinstance(words, str):
        raise DecodingError(f"{what} are a list, such as [{words!r}], not one text")
    return tuple(words or ())


class PriorDivision:
    """Divides emissions by the symbols' priors, so that a language model need not argue with the network's own.

    A network learns from its few transcripts how often each letter comes, and falls back on it where it hears
    nothing; the language model knows that better.

    Args:
        config: Its ``prior_scale`` and ``log_priors``.
        num_symbols: Size of the alphabet, with the blank.
        has_lm: Whether there is a language model. Without, or with an ``lm_weight`` of 0, nothing is divided.
        silent: ``Symbols.silent``. What outputs that are never written have is given to the blank, with which a text is
            as likely.

    Raises:
        DecodingError: There is not one prior for each symbol.

    Source:
        Miao, Gowayyed and Metze (2015), EESEN: End-to-End Speech Recognition using Deep RNN Models and WFST-based
        Decoding.
    """

    def __init__(self, config: DecodingConfig, num_symbols: int, *, has_lm: bool, silent: Sequence[int] = ()) -> None:
        self._penalties = None
        self._silent = list(silent)
        if not has_lm or config.lm_weight == 0.0 or config.prior_scale == 0.0:
            return
        if len(config.log_priors) != num_symbols:
            raise DecodingError(
                f"log_priors has {len(config.log_priors)} values, the alphabet with its blank {num_symbols}; run "
                "asrkit lm tune for this model, or set prior_scale to 0"
            )
        self._penalties = np.array(config.log_priors, np.float32) * np.float32(config.prior_scale)

    def __call__(self, emissions: FloatArray) -> FloatArray:
        """Return the natural log-probabilities ``(steps, symbols)`` after the division; each step sums to one."""
        if len(self._silent) > 1:
            joined = emissions.copy()
            joined[:, self._silent[0]] = np.logaddexp.reduce(emissions[:, self._silent], axis=1)
            joined[:, self._silent[1:]] = -np.inf
            emissions = joined
        if self._penalties is None:
            return emissions
        divided = emissions - self._penalties
        divided -= divided.max(axis=1, keepdims=True)
        divided -= np.log(np.exp(divided).sum(axis=1, keepdims=True))
        return divided
