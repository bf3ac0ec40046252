"""A CTC model from elsewhere becomes a bundle: found, checked, measured, written."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asrkit.config import FeatureConfig, read_features
from asrkit.errors import BundleError, ConfigError
from asrkit.model.bundle import FOREIGN, Bundle
from asrkit.model.examination import Findings, examine
from asrkit.model.export import carry_language_model
from asrkit.model.folder import EXTERNAL_SUFFIXES, GRAPH, require_place, staged, write_description
from asrkit.model.graph import CheckedGraph, check_graph
from asrkit.model.sources import Source, apply_metadata, find_source
from asrkit.packages import version_of
from asrkit.text import Symbols
from asrkit.text.alphabet import Alphabet
from asrkit.text.lexicon import Lexicon
from asrkit.text.normalizer import STANDARD_VERSION, get_normalizer
from asrkit.text.symbols import WordRule
from asrkit.text.token_files import read_labels
from asrkit.text.units import Phonemes, Spelled

_NORMALIZER = f"standard-{STANDARD_VERSION}"
_LEAST_BLANK_SHARE = 0.5  # of the steps of silence


@dataclass(frozen=True)
class Wishes:
    """What a user says of a model; None: its files tell."""

    tokens: Path | None = None  # file of the labels of its outputs
    front_end: FeatureConfig | None = None  # how it hears
    blank: int | None = None  # the output that is the blank
    words: WordRule | None = None  # how labels show words
    constants: Mapping[str, int] | None = None  # inputs that no sound decides
    drop_steps: int | None = None  # steps at the start that carry no text
    lm: Path | None = None  # a language model to come with it
    lexicon: Path | None = None  # how words are said, where its outputs are no letters
    name: str | None = None  # what to call it
    language: str = "en"  # of its texts
    longest_s: float = 120.0  # the longest input to try


def import_model(
    path: Path,
    output: Path,
    wishes: Wishes | None = None,
    *,
    card: Mapping[str, Any] | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Bundle:
    """Make a bundle of a CTC model of another toolkit.

    Args:
        path: An ``.onnx`` file, or a folder as Hugging Face, onnx-asr, sherpa-onnx or WeNet lay it out.
        output: The bundle's folder; a bundle that is there is replaced.
        wishes: What is not to be found out.
        card: More to note in the model's card.
        tell: Told what is found, in lines.

    Raises:
        MissingPathError: A named file does not exist.
        BundleError: It cannot be a CTC model that hears whole utterances, or its graph may not be run.
        ConfigError: The labels cannot be used or do not fit.
    """
    wishes = wishes or Wishes()
    require_place(output)
    get_normalizer(_NORMALIZER, wishes.language)  # it is known
    source = find_source(path, wishes.front_end)
    checked = check_graph(source.graph)
    source = _as_wished(apply_metadata(source, checked.metadata), wishes)
    tell(f"found: {source.layout}, {source.graph.name}")
    if len(checked.widths) == 1:
        source.symbols(checked.widths[0])  # labels of something else fail before the long look at the graph
    if output.exists():
        tell(f"replacing the bundle in {output}")
    num_bytes = len(checked.data) + sum((source.graph.parent / name).stat().st_size for name in checked.external)
    tell("asking the graph what it is; this takes up to a minute")
    findings = examine(
        source.graph,
        source.front_end,
        source.constants,
        num_bytes=num_bytes,
        accept=source.symbols,
        longest_s=wishes.longest_s,
    )
    if "float16" in checked.numbers:  # rounded to them, an answer depends on the batch, sooner or later
        findings = replace(findings, graph=findings.graph.replace(batching="alone"))
    symbols = source.symbols(findings.num_outputs)
    for warning in _doubts(symbols, findings):
        tell(f"warning: {warning}")
    lexicon = None if wishes.lexicon is None else Lexicon.read(wishes.lexicon)
    if lexicon is not None:
        lexicon.spell(symbols)
    return _write(output, source, checked, findings, symbols, lexicon, wishes, card or {})


def _as_wished(source: Source, wishes: Wishes) -> Source:
    """Return a source in which what a user says stands in the place of what was found."""
    said: dict[str, Any] = {
        "tokens": wishes.tokens,
        "front_end": wishes.front_end,
        "blank": wishes.blank,
        "words": wishes.words,
        "constants": wishes.constants,
        "drop_steps": wishes.drop_steps,
        "language_model": wishes.lm,
    }
    source = replace(source, **{name: value for name, value in said.items() if value is not None})
    if source.tokens is None:
        raise ConfigError("the labels of the outputs are not known; name their file with --tokens")
    read_labels(source.tokens)
    return source


def _doubts(symbols: Symbols, findings: Findings) -> list[str]:
    """Return what looks wrong about the labels."""
    silence, label = findings.certificate["silence"], symbols.labels
    doubts = []
    if silence["output"] != symbols.blank_index and silence["share"] >= _LEAST_BLANK_SHARE:
        heard = silence["output"]
        doubts.append(
            f"in silence the model mostly answers output {heard} ({label[heard]!r}) and not the blank, "
            f"{symbols.blank_index} ({label[symbols.blank_index]!r}); if that is the blank, say --blank {heard}"
        )
    if better := findings.certificate.get("better"):
        heard = "{heard} outputs a second, with a mean probability of {sure}"
        doubts.append(
            f"in a made-up voice it hears {heard.format(**findings.certificate['voice'])}; with --front-end "
            f"{better['front_end']} {heard.format(**better)}; if it was trained with that, name it"
        )
    if symbols.words is WordRule.NONE:
        doubts.append("no label shows where words begin, so nothing stands between two outputs; --words names the mark")
    return doubts


def _write(
    output: Path,
    source: Source,
    checked: CheckedGraph,
    findings: Findings,
    symbols: Symbols,
    lexicon: Lexicon | None,
    wishes: Wishes,
    card: Mapping[str, Any],
) -> Bundle:
    units = Spelled(symbols) if lexicon is None else Phonemes(symbols, lexicon)
    name = wishes.name or output.name
    shown = {"features", "values", "batching", "longest_s"}  # elsewhere in the bundle
    certificate = {key: value for key, value in findings.certificate.items() if key not in shown}
    total = sum(checked.numbers.values())
    certificate["weights"] = {kind: round(n / total, 3) for kind, n in checked.numbers.items() if n > total / 200}
    certificate |= {"on": str(datetime.date.today()), "onnxruntime": version_of("onnxruntime")}
    features = source.front_end or read_features(findings.certificate["features"])
    description = {
        "kind": FOREIGN,
        "alphabet": Alphabet(_letters(symbols, lexicon)).symbols,
        "units": {"kind": units.kind, **symbols.to_dict()},
        "normalizer": _NORMALIZER,
        "language": wishes.language,
        "features": features.to_dict(),
        "graph": findings.graph.replace(drop_steps=source.drop_steps).to_dict(),
        "decoding": dict(source.decoding),
        "card": {
            "name": name,
            "source": f"{source.layout}, {source.graph.name}",
            **source.card,
            **card,
            "certificate": certificate,
            "versions": {"asrkit": version_of()},
        },
    }
    with staged(output, whole=True) as staging:
        (staging / GRAPH).write_bytes(checked.data)
        for file in checked.external:
            if not file.endswith(EXTERNAL_SUFFIXES):
                raise BundleError(
                    f"keeps data in {file!r}; its name must end in {', '.join(EXTERNAL_SUFFIXES)}", path=source.graph
                )
            shutil.copyfile(source.graph.parent / file, staging / file)
        if source.language_model is not None:
            carry_language_model(source.language_model, staging)
        for file, content in units.files().items():
            (staging / file).write_bytes(content)
        write_description(staging, description)
    return Bundle.load(output)


def _letters(symbols: Symbols, lexicon: Lexicon | None) -> str:
    """Return the characters of a model's texts, those of its lexicon's words or of its outputs, and a space."""
    if lexicon is not None:
        texts = {word for word, _ in lexicon.lines}
    else:
        texts = {s.text.decode(errors="ignore").lower() for s in symbols.spellings if s is not None}
    letters = {letter for text in texts for letter in text if letter.isprintable()}
    has_words = lexicon is not None or symbols.words is not WordRule.NONE
    return "".join(sorted(letters | ({" "} if has_words else set())))
