"""A model bundle for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from asrkit.model.bundle import Bundle
from asrkit.text.identifiers import printable


def model_table(bundle: Bundle) -> Table:
    """Return what a bundle is as a table of two columns."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _rows(bundle):
        table.add_row(name, Text(printable(value)))
    return table


def _rows(bundle: Bundle) -> list[tuple[str, str]]:
    model, features, card = bundle.model, bundle.features, bundle.card
    direction = "bidirectional" if model.bidirectional else f"unidirectional, {model.lookahead_steps} steps ahead"
    data: dict[str, Any] = dict(card.get("data", {}))
    dev: dict[str, Any] = dict(card.get("dev", {}))
    rows = [
        ("model", f"{bundle.name} ({bundle.path})"),
        *((name, str(card[name])) for name in ("about", "license", "limits") if card.get(name)),
        ("fingerprint", bundle.fingerprint),
        (
            "network",
            f"{len(model.conv_layers)} conv, {model.rnn_layers} x {model.rnn_type} {model.rnn_units}, {direction}",
        ),
        (
            "features",
            f"{features.kind}, {features.num_bins} bins, {features.sample_rate_hz} Hz, {features.hop_ms:g} ms",
        ),
        ("step", f"{bundle.step_ms:g} ms"),
        ("units", f"{bundle.kind}: {len(bundle.symbols)} outputs, the blank counted"),
        ("alphabet", f"{len(bundle.alphabet.symbols)} symbols: {bundle.alphabet.symbols!r}"),
        ("decoding", settings_in_words(bundle.decoding) or "defaults"),
    ]
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
        rows.append(("made with", ", ".join(f"{k} {v}" for k, v in dict(card["versions"]).items())))
    return rows


def settings_in_words(decoding: Mapping[str, Any]) -> str:
    """Return decoding settings on one line, without the many numbers that no one reads there."""
    return ", ".join(f"{name} {value}" for name, value in decoding.items() if name != "log_priors")


def _in_words(entry: Any) -> str:
    """Return an entry of the card's ``sources`` or ``results``: its values, or whatever else somebody wrote there."""
    if not isinstance(entry, Mapping):
        return str(entry)
    return ", ".join(str(value) if name == "name" else f"{name} {value}" for name, value in entry.items())
