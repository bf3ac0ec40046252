"""The dev set after each epoch: greedy WER and CER, sample predictions, blank rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from asrkit.decoder.greedy import GreedyDecoder
from asrkit.metrics import count_errors
from asrkit.model.lengths import output_lengths
from asrkit.model.network import DeepSpeech2
from asrkit.text.units import Phonemes, Units
from asrkit.training.batches import Batch
from asrkit.training.examples import Example

# Above this an error rate says nothing: a network that writes nothing at all has 100.
SATURATED_PERCENT = 95.0
_FIRST = 0x4E00  # of many characters that no normalization touches


@dataclass(frozen=True)
class DevResult:
    """What the model makes of the dev set."""

    hypotheses: tuple[str, ...]  # greedy transcripts, in the order of the examples
    loss: float  # mean CTC loss per utterance, in nats
    wer: float  # word error rate in percent
    cer: float  # character error rate in percent, spaces counted; of a network that writes phonemes, that of phonemes
    blank_rate: float  # share of steps whose best symbol is the blank


def is_better(result: DevResult, best: DevResult) -> bool:
    """Whether an epoch is the best so far: by WER; where that says nothing by CER; where not even that does, by loss.

    While nearly every word is wrong, WER moves by chance; while nearly every character is, the network is only on its
    way out of answering blanks.
    """
    if min(result.wer, best.wer) < SATURATED_PERCENT:
        return (result.wer, result.cer) < (best.wer, best.cer)
    if min(result.cer, best.cer) < SATURATED_PERCENT:
        return result.cer < best.cer
    return result.loss < best.loss


def epochs_without_progress(history: Sequence[Mapping[str, Any]]) -> int:
    """Return how many epochs ended since one had the lowest dev WER, CER or loss so far."""
    last = 0
    for name in ("dev_wer", "dev_cer", "dev_loss"):
        values = [row[name] for row in history]
        last = max(last, values.index(min(values)) + 1 if values else 0)
    return len(history) - last


def evaluate(
    network: DeepSpeech2,
    batches: Iterable[tuple[Batch, list[int]]],
    examples: Sequence[Example],
    units: Units,
    predict: Callable[[DeepSpeech2, Batch], Any],
) -> DevResult:
    """Transcribe and score the dev set.

    Batches come with the indices of their examples; ``predict`` returns the logits of one on the devices of the
    network.
    """
    hypotheses, outputs = [""] * len(examples), [""] * len(examples)
    decoder, blank = GreedyDecoder(units.symbols, units.lexicon), units.symbols.blank_index
    loss = blanks = steps = 0.0
    for batch, indices in batches:
        logits = predict(network, batch)
        losses = ops.convert_to_numpy(network.utterance_losses(batch, logits))
        loss += float(losses[: len(indices)].sum())
        log_probs = _log_softmax(ops.convert_to_numpy(logits))
        for row, index in enumerate(indices):
            emissions = log_probs[row, : output_lengths(int(batch["frames"][row]), network.config)]
            hypotheses[index] = decoder.decode(emissions, name=examples[index].id)[0].text
            best = emissions.argmax(axis=1)
            outputs[index] = _as_text(best[np.diff(best, prepend=-1) != 0], blank)
            blanks += float((best == blank).sum())
            steps += len(emissions)
    references = [example.text for example in examples]
    words = count_errors(hypotheses, references)
    if units.kind == Phonemes.kind:
        hypotheses_spelled, references_spelled = outputs, [_as_text(example.labels, blank) for example in examples]
    else:
        hypotheses_spelled, references_spelled = hypotheses, references
    characters = count_errors(hypotheses_spelled, references_spelled, unit="char")
    return DevResult(
        hypotheses=tuple(hypotheses),
        loss=loss / max(1, len(examples)),
        wer=100.0 * words.errors / max(1, words.num_reference),
        cer=100.0 * characters.errors / max(1, characters.num_reference),
        blank_rate=blanks / max(1.0, steps),
    )


def _as_text(outputs: npt.NDArray[Any], blank: int) -> str:
    """Return a character for each output, so that errors of outputs can be counted like those of characters."""
    return "".join(chr(_FIRST + int(output)) for output in outputs if output != blank)


def _log_softmax(logits: Any) -> Any:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
