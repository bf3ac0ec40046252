"""A model bundle for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from asrkit.config import FeatureConfig, GraphConfig, ModelConfig
from asrkit.model.bundle import Bundle
from asrkit.text.identifiers import printable

_MOST_LETTERS = 120  # of an alphabet that are shown


def model_table(bundle: Bundle) -> Table:
    """Return what a bundle is as a table of two columns."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _rows(bundle):
        table.add_row(name, Text(printable(value)))
    return table


def _rows(bundle: Bundle) -> list[tuple[str, str]]:
    features, card = bundle.features, bundle.card
    data, dev = card.get("data", {}), card.get("dev", {})
    rows = [
        ("model", f"{bundle.name} ({bundle.path})"),
        *((name, str(card[name])) for name in ("about", "source", "license", "limits") if card.get(name)),
        ("fingerprint", bundle.fingerprint),
        *([("network", _network_in_words(bundle.network))] if bundle.network is not None else []),
        ("features", _features_in_words(features)),
        ("step", f"{bundle.step_ms:g} ms"),
        ("units", f"{bundle.kind}: {len(bundle.symbols)} outputs, the blank counted"),
        ("alphabet", _alphabet_in_words(bundle.alphabet.symbols)),
        ("decoding", settings_in_words(bundle.decoding) or "defaults"),
    ]
    if bundle.is_foreign:
        rows += _certificate(bundle.graph, card.get("certificate", {}))
    if data:
        rows.append(
            (
                "trained on",
                f"{data.get('train')}: {data.get('train_utterances')} utterances, {data.get('train_hours')} h",
            )
        )
    if dev:
        rows.append(
            (
                "dev, greedy",
                f"WER {dev.get('wer_percent')} %, CER {dev.get('cer_percent')} % (epoch {card.get('epoch')})",
            )
        )
    rows += [("source", _in_words(source)) for source in card.get("sources", ())]
    rows += [("result", _in_words(result)) for result in card.get("results", ())]
    if card.get("versions"):
        rows.append(("made with", ", ".join(f"{k} {v}" for k, v in card["versions"].items())))
    return rows


def _alphabet_in_words(letters: str) -> str:
    more = f" and {len(letters) - _MOST_LETTERS:,} more" if len(letters) > _MOST_LETTERS else ""
    return f"{len(letters)} symbols: {letters[:_MOST_LETTERS]!r}{more}"


def _network_in_words(model: ModelConfig) -> str:
    direction = "bidirectional" if model.bidirectional else f"unidirectional, {model.lookahead_steps} steps ahead"
    layers = f"{model.rnn_layers} x {model.rnn_type} {model.rnn_units}"
    if model.bottleneck_units:
        layers += f" through {model.bottleneck_units} linear units"
    return f"{len(model.conv_layers)} conv, {layers}, {direction}"


def _features_in_words(features: FeatureConfig) -> str:
    if features.kind == "waveform":
        normalized = ", mean 0 and variance 1" if features.to_dict().get("normalize") == "utterance" else ""
        return f"the waveform itself, {features.sample_rate_hz} Hz{normalized}"
    return f"{features.kind}, {features.num_bins} bins, {features.sample_rate_hz} Hz, {features.row_ms:g} ms"


def _certificate(graph: GraphConfig, measured: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was measured of a foreign graph when it was imported."""
    inputs = [name for name in (graph.input, graph.lengths, *graph.constant_values) if name]
    rows = [
        ("graph", f"{', '.join(inputs)} -> {', '.join(filter(None, (graph.output, graph.output_lengths)))}"),
        ("answers", graph.values),
        ("batches", _BATCHING[graph.batching] + _changes(measured)),
    ]
    if weights := _shares(measured, "weights"):
        shares = sorted(weights.items(), key=lambda item: -item[1])
        rows.insert(1, ("weights", ", ".join(f"{kind} ({100 * share:.0f} %)" for kind, share in shares)))
    if "share" in (silence := _shares(measured, "silence")):
        output = measured["silence"].get("output")
        rows.append(("in silence", f"output {output} in {100 * silence['share']:.0f} % of steps"))
    if graph.longest_s is not None:
        cost = f"; {measured.get('speed')} x real time on one core, {measured.get('memory_mb')} MB"
        rows.append(("longest input", f"{graph.longest_s:g} s tried{cost if 'speed' in measured else ''}"))
    return rows


def _shares(measured: Mapping[str, Any], name: str) -> dict[str, float]:
    """Return the numbers of a table that lie between 0 and 1."""
    table = measured.get(name)
    found = table.items() if isinstance(table, Mapping) else ()
    return {key: value for key, value in found if isinstance(value, int | float) and 0 <= value <= 1}


_BATCHING = {
    "padded": "any lengths together",
    "equal": "only equal lengths together",
    "alone": "one utterance at a time",
}


def _changes(measured: Mapping[str, Any]) -> str:
    values = measured.get("padding_changes"), measured.get("neighbors_change")
    if not all(isinstance(value, float | int) and abs(value) < 1e9 for value in values):
        return ": the graph takes no more" if "padding_changes" in measured else ""
    why = ", as float16 rounds otherwise in company" if "float16" in _shares(measured, "weights") else ""
    return why + ": padding changes an answer by {:.2g} nats, neighbors of its length by {:.2g}".format(*values)


def settings_in_words(decoding: Mapping[str, Any]) -> str:
    """Return decoding settings on one line, without the many numbers that no one reads there."""
    return ", ".join(f"{name} {value}" for name, value in decoding.items() if name != "log_priors")


def _in_words(entry: Any) -> str:
    """Return an entry of the card's ``sources`` or ``results``: its values, or whatever else somebody wrote there."""
    if not isinstance(entry, Mapping):
        return str(entry)
    return ", ".join(str(value) if name == "name" else f"{name} {value}" for name, value in entry.items())
