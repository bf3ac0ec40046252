"""``asrkit lm convert | prune | interpolate | perplexity | info``: what one does with models."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asrkit.cli.bars import Bars
from asrkit.cli.lm import (
    ArpaOutput,
    Bundled,
    Json,
    ModelPath,
    NumberListCommand,
    Quiet,
    Raw,
    Texts,
    keep_sources,
    lm_app,
    normalizer_of,
    numbers_of,
    remark,
)
from asrkit.cli.showing import show
from asrkit.errors import ConfigError

if TYPE_CHECKING:
    from asrkit.language_model import NgramModel

TuneTexts = Annotated[
    list[str] | None, typer.Option("--tune-on", metavar="TEXT", help="Find the weights on this text; repeatable.")
]


@lm_app.command(epilog="Example: asrkit lm convert lm/3gram.arpa lm/3gram.bin --quantize")
def convert(
    source: ModelPath,
    output: Annotated[Path, typer.Argument(help="The new file: ARPA text when named so, else asrkit's binary.")],
    quantize: Annotated[
        bool, typer.Option("--quantize", help="8-bit probabilities and back-offs; binary only.")
    ] = False,
    text: Annotated[
        list[str] | None, typer.Option(help="Measure what quantizing costs on this text; repeatable.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn a model into a binary file that loads at once, or back into ARPA text."""
    from asrkit.language_model import NgramModel, is_arpa_name, write_arpa, write_binary

    to_arpa = is_arpa_name(output)
    if to_arpa and quantize:
        raise ConfigError("ARPA text cannot be quantized; name the output .bin")
    if text and not quantize:
        raise ConfigError("--text measures what --quantize costs; add it, or leave --text out")
    keep_sources(output, source)
    model = NgramModel.load(source)
    if to_arpa:
        with Bars("shares", quiet) as bars:
            write_arpa(model, output, progress=bars.share("writing"))
    else:
        write_binary(model, output, quantize=quantize)
    cost = _quantization_cost(model, NgramModel.load(output), text) if quantize else {}
    _tell(NgramModel.load(output), as_json, **cost)


@lm_app.command(epilog="Example: asrkit lm prune lm/3gram.arpa -o lm/small.arpa --threshold 1e-8")
def prune(
    source: ModelPath,
    output: ArpaOutput,
    threshold: Annotated[
        float, typer.Option(help="Drop an n-gram when the perplexity rises by less than this share.")
    ] = 1e-8,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a model smaller by dropping the n-grams whose loss changes it least (Stolcke's entropy pruning)."""
    from asrkit.language_model import NgramModel, prune_model

    keep_sources(output, source)
    model = NgramModel.load(source)
    with Bars("shares", quiet) as bars:
        kept = prune_model(model, output, threshold, progress=bars.share("writing"))
    remark(f"kept {sum(kept):,} of {sum(model.counts):,} n-grams ({sum(kept) / sum(model.counts):.1%})", quiet)
    _tell(NgramModel.load(output), as_json)


@lm_app.command(
    cls=NumberListCommand,
    epilog="Example: asrkit lm interpolate speech.arpa novels.arpa -o mixed.arpa --tune-on dev.txt",
)
def interpolate(
    sources: Annotated[list[Path], typer.Argument(metavar="MODEL MODEL...", help="The models to mix.")],
    output: ArpaOutput,
    weights: Annotated[
        str | None, typer.Option(metavar="W W ...", help="One weight for each model; all the same by default.")
    ] = None,
    tune_on: TuneTexts = None,
    bundle: Bundled = None,
    raw: Raw = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Mix models: each word's probability is the weighted mean of theirs."""
    from asrkit.language_model import NgramModel, TextSource, interpolate_models, tune_weights

    if weights is not None and tune_on:
        raise ConfigError("give --weights or --tune-on, not both")
    keep_sources(output, *sources)
    models = [NgramModel.load(path) for path in sources]
    shares = numbers_of(weights, "--weights") or (1.0,) * len(models)
    if tune_on:
        shares = tune_weights(models, list(TextSource(tune_on, normalizer=normalizer_of(bundle, raw))))
        remark("weights: " + " ".join(f"{share:.4f}" for share in shares), quiet)
    with Bars("shares", quiet) as bars:
        interpolate_models(models, output, shares, progress=bars.share("writing"))
    _tell(NgramModel.load(output), as_json, weights=[share / sum(shares) for share in shares])


@lm_app.command(epilog="Example: asrkit lm perplexity lm/3gram.arpa heldout.txt")
def perplexity(
    model: ModelPath,
    texts: Texts,
    bundle: Bundled = None,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Measure how well a model foresees a text, with and without the words it does not know."""
    from asrkit.language_model import NgramModel, TextSource

    source = TextSource(texts, normalizer=normalizer_of(bundle, raw))
    lm = NgramModel.load(model)
    result = lm.perplexity(source)
    if result.unknown_words == result.words:
        hint = "" if raw else "; --raw takes the text as it is"
        remark(f"{model.name} knows no word of the text: they may differ in case{hint}", quiet=False)
    if result.unknown_words and not lm.has_unknown:
        remark(
            f"{model.name} has no <unk>: unknown words are impossible to it; decoders count them as its rarest",
            quiet=False,
        )
    if as_json:
        show(json.dumps({**vars(result), "unknown_rate": result.unknown_rate}), exact=True)
        return
    show(f"perplexity            {result.with_unknown:,.2f}")
    show(f"without unknown words {result.without_unknown:,.2f}")
    show(f"unknown words         {result.unknown_words:,} of {result.words:,} ({result.unknown_rate:.2%})")
    show(f"sentences             {result.sentences:,}")
    show(f"log10 probability     {result.log10_prob:,.2f}")


@lm_app.command(epilog="Example: asrkit lm info lm/3gram.bin --verify")
def info(
    model: ModelPath,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check all of a binary model, though it was checked before.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what a model holds."""
    from asrkit.language_model import NgramModel, verify_binary

    NgramModel.load(model)  # the first load also loads the extension
    start_s = time.perf_counter()
    loaded = NgramModel.load(model)
    facts = {**_facts(loaded), "load_ms": round(1000 * (time.perf_counter() - start_s), 3)}
    if verify:
        verify_binary(model)
        facts["verified"] = True
    if as_json:
        show(json.dumps(facts), exact=True)
        return
    counts = facts.pop("ngrams")
    for name, value in facts.items():
        shown = f"{value:,}" if isinstance(value, int) else value
        show(f"{name.replace('_', ' '):12} {shown}")
    for order, count in enumerate(counts, 1):
        show(f"{f'{order}-grams':12} {count:,}")


def _facts(model: NgramModel) -> dict[str, Any]:
    assert model.path is not None
    return {
        "path": str(model.path),
        "format": model.format,
        "order": model.order,
        "ngrams": list(model.counts),
        "bytes": model.path.stat().st_size,
    }


def _tell(model: NgramModel, as_json: bool, **more: Any) -> None:
    """Print what a model is that was just written."""
    facts = _facts(model) | more
    if as_json:
        show(json.dumps(facts), exact=True)
        return
    counts = " / ".join(f"{count:,}" for count in model.counts)
    line = f"{model.path}: {model.format}, order {model.order}, {counts} n-grams, {facts['bytes'] / 1e6:,.1f} MB"
    if "perplexity" in facts:
        line += (
            f"; quantizing changes the perplexity from {facts['perplexity_before']:,.2f} to "
            f"{facts['perplexity']:,.2f} ({facts['measured_on']})"
        )
    show(line)


def _quantization_cost(before: NgramModel, after: NgramModel, texts: list[str] | None) -> dict[str, Any]:
    """Measure both models on a text, or on n-grams of the model itself where there is none."""
    from asrkit.language_model import TextSource

    blocks = list(TextSource(texts, normalizer=normalizer_of(None, raw=False))) if texts else [before.sample_ngrams()]
    return {
        "perplexity_before": before.perplexity(blocks).with_unknown,
        "perplexity": after.perplexity(blocks).with_unknown,
        "measured_on": ", ".join(texts) if texts else "a sample of its own n-grams",
    }
