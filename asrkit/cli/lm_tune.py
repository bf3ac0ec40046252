"""``asrkit lm tune``: the settings under which a language model helps most."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from asrkit.cli.bars import Bars
from asrkit.cli.groups import grouped, named_on_command_line
from asrkit.cli.lm import Json, Quiet, lm_app, remark
from asrkit.cli.showing import show
from asrkit.cli.transcribe_options import Arrays, AudioRoot, Model
from asrkit.errors import ConfigError, DecodingError, MissingPackageError
from asrkit.packages import require_installed
from asrkit.writing import write_whole

if TYPE_CHECKING:
    from asrkit.config import Calibration, DecodingConfig
    from asrkit.emissions.arrays import FloatArray
    from asrkit.language_model import NgramModel
    from asrkit.model.bundle import Bundle
    from asrkit.text import Lexicon, Normalizer, Symbols
    from asrkit.tuning import TuningResult


@lm_app.command(epilog="Example: asrkit lm tune --model models/latest --data dev.tsv --lm lm/3gram.arpa")
@grouped
def tune(
    context: typer.Context,
    data: Annotated[
        Path, typer.Option(help="Dev set: a manifest or corpus folder with texts; with --emissions, texts with ids.")
    ],
    lm: Annotated[
        Path | None, typer.Option(help="The language model; default: the one that comes with the model.")
    ] = None,
    model: Model = None,
    emissions: Annotated[
        list[Path] | None,
        typer.Option(help="Emissions of the dev set, as asrkit decode takes them, in place of a model; repeatable."),
    ] = None,
    *,
    arrays: Arrays,
    lexicon: Annotated[
        Path | None, typer.Option(help="How words are said; default: the model's, where its outputs are no letters.")
    ] = None,
    audio_root: AudioRoot = None,
    candidates: Annotated[int, typer.Option(min=1, help="Sets of weights to begin with.")] = 54,
    other_beams: Annotated[
        list[int] | None,
        typer.Option(
            "--other-beam", min=2, help="Find and store the weights of this beam too; repeatable. Default: 50."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the search.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads that decode; all cores by default.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="The figure; default: beside the language model, as NAME.tuning.png.")
    ] = None,
    only_calibrate: Annotated[
        bool, typer.Option("--only-calibrate", help="Keep the bundle's weights and only learn how sure its words are.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Leave the bundle as it is.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search lm_weight, word_bonus, prior_scale, beam and unknown words' weights; store the choice in the bundle.

    With these, how sure words are is learned too, and the bundle keeps it for this language model.

    With --emissions there is no bundle: the choice is written beside the language model, for --config.
    """
    from asrkit.config import DecodingConfig
    from asrkit.language_model import NgramModel
    from asrkit.report.frontier import plot_frontier
    from asrkit.text import Lexicon
    from asrkit.tuning import tune_decoding

    if plot is not None:
        require_installed("--plot", "matplotlib")
    bundle = None if emissions else _bundle(model, dry_run)
    if emissions and "model" in named_on_command_line(context):  # a variable names it for other commands
        raise ConfigError("--emissions takes the place of a model; name one or the other")
    if bundle is not None and arrays != Arrays():
        raise ConfigError("--tokens and what goes with it tell what --emissions are; name these too")
    lm = lm or (None if bundle is None else bundle.language_model)
    if lm is None:
        raise ConfigError("name the language model to tune for with --lm; none comes along")
    language_model = NgramModel.load(lm)
    lexicon = lexicon or (None if bundle is None else bundle.lexicon)
    said = None if lexicon is None else Lexicon.read(lexicon)
    if only_calibrate and bundle is None:
        raise ConfigError("--only-calibrate is for a bundle, which keeps what is learned; drop --emissions")
    if bundle is None:
        dev = _read_stored(emissions or [], arrays, data, quiet)
    else:
        with Bars("shares", quiet) as bars:
            dev = _listen(bundle, data, audio_root, bars.share("listening"))
    if bundle is not None and only_calibrate:
        kept = [DecodingConfig.from_dict({**each, "decoder": "beam"}) for each in (bundle.decoding, *bundle.tuned)]
        calibration = _calibrate(dev, language_model, said, kept, threads, quiet)
        if not dry_run and calibration:
            bundle.with_decoding(bundle.decoding, bundle.tuned, calibration)
        if as_json:
            told = {"calibration": [one.to_dict() for one in calibration], "stored": bool(calibration) and not dry_run}
            show(json.dumps(told), exact=True)
        return
    with Bars("shares", quiet) as bars:
        result = tune_decoding(
            dev.emissions,
            dev.references,
            dev.symbols,
            language_model,
            step_ms=dev.step_ms,
            normalizer=dev.normalizer,
            lexicon=said,
            config=DecodingConfig.from_dict({**(bundle.decoding if bundle else {}), "decoder": "beam"}),
            num_candidates=candidates,
            other_beams=[50] if other_beams is None else other_beams,
            seed=seed,
            threads=threads,
            progress=bars.share("decoding"),
        )
    calibration = []
    if bundle is not None:
        found = [trial.config for trial in (result.chosen, *result.others)]
        calibration = _calibrate(dev, language_model, said, found, threads, quiet)
    figure_path = plot or lm.with_suffix(".tuning.png")
    place = figure_path.with_suffix(".toml") if bundle is None else bundle.path
    if not as_json:
        _print_result(result)  # the search took minutes: what cannot be written now costs nothing of it
    if not dry_run:
        if bundle is None:
            write_whole(place, _as_toml(result.settings))
        else:
            bundle.with_decoding(result.settings, result.settings_of_others, calibration)
    if not as_json:
        show(f"{'not stored (--dry-run)' if dry_run else 'stored'} in {place}")
    figure = None
    try:
        figure = plot_frontier(result, figure_path)
    except MissingPackageError as error:  # nobody asked for a figure
        remark(f"no figure: {error}", quiet)
    if as_json:
        told = {"calibration": [one.to_dict() for one in calibration], "stored": not dry_run}
        show(json.dumps({**result.to_dict(), **told, "plot": figure and str(figure)}), exact=True)
        return
    if figure is not None:
        remark(f"figure: {figure}", quiet)
    if not dry_run:
        use = "decode --config" if bundle is None else "transcribe --model"
        remark(f"asrkit {use} {place} --lm {lm} now uses these settings", quiet)


class _Dev(NamedTuple):
    """A dev set with its emissions."""

    emissions: Sequence[FloatArray]
    references: Sequence[str]
    symbols: Symbols
    step_ms: float
    normalizer: Normalizer
    speakers: Sequence[str | None] | None = None


def _bundle(model: Path | None, dry_run: bool) -> Bundle:
    from asrkit.cli.settings import choose_model
    from asrkit.model.bundle import Bundle

    choice = choose_model(model)
    if choice.is_boxed and not dry_run:
        raise ConfigError(
            f"{choice.path.name} came with asrkit and stays as it is: tune a copy (asrkit model export mine --model "
            f"{choice.path.name}, then --model mine), or add --dry-run"
        )
    return Bundle.load(choice.path)


def _listen(bundle: Bundle, data: Path, audio_root: Path | None, progress: Callable[[float], None]) -> _Dev:
    from asrkit.data import read_manifest
    from asrkit.tuning import emit_dev_set

    utterances = read_manifest(data, audio_root)
    dev_set = emit_dev_set(bundle, utterances, progress=progress)
    speakers = [utterance.speaker for utterance in utterances]
    return _Dev(dev_set.emissions, dev_set.references, bundle.symbols, bundle.step_ms, bundle.text_normalizer, speakers)


def _calibrate(
    dev: _Dev,
    lm: NgramModel,
    lexicon: Lexicon | None,
    configs: Sequence[DecodingConfig],
    threads: int | None,
    quiet: bool,
) -> list[Calibration]:
    """Learn how sure words are with each of some settings; too small a dev set teaches nothing."""
    from asrkit.decoder import BeamSearchDecoder
    from asrkit.transcription.provenance import file_fingerprint
    from asrkit.tuning.confidence import calibrate, judge_dev_set

    if lm.path is None:
        return []
    decoder = BeamSearchDecoder(dev.symbols, lm, configs[0], lexicon=lexicon)
    found = []
    for config in configs:
        judged = judge_dev_set(
            decoder.with_config(config),
            dev.emissions,
            dev.references,
            normalizer=dev.normalizer,
            speakers=dev.speakers,
            threads=threads,
        )
        try:
            one = calibrate(judged, config, lm=file_fingerprint(lm.path))
        except DecodingError as error:
            remark(f"confidences stay uncalibrated: {error}", quiet)
            return []
        found.append(one)
        remark(f"confidences with beam {one.beam} calibrated on {one.num_words:,} words, error {one.error:.3f}", quiet)
    return found


def _read_stored(emissions: Sequence[Path], arrays: Arrays, data: Path, quiet: bool) -> _Dev:
    """Read the emissions that have a text."""
    from asrkit.metrics.transcripts import read_transcripts, with_ids
    from asrkit.text import get_normalizer
    from asrkit.transcription.stored import Tokens, find_emissions

    told = Tokens.named(arrays.tokens, arrays.blank, arrays.words, arrays.step_ms, arrays.values)
    model, recordings = find_emissions(emissions, told)
    remark(model.describe(), quiet)
    texts = read_transcripts(data)
    texts = with_ids(texts) if texts.ids is None else texts
    references = dict(zip(texts.ids or (), texts.texts, strict=True))
    normalizer = get_normalizer(model.normalizer, model.language)
    found, spoken, problems = [], [], []
    for recording in recordings:
        if recording.utterance_id not in references:
            continue
        try:
            if recording.emissions is None:
                raise DecodingError(recording.problem or "is no use")
            found.append(recording.emissions.read())
            spoken.append(normalizer(references[recording.utterance_id]))
        except DecodingError as error:
            problems.append(f"{recording.utterance_id}: {error}")
    if problems and not found:
        raise DecodingError(f"none of the {len(problems)} emissions with a text can be used: {problems[0]}")
    if not found:
        raise ConfigError(f"{data}: no text has the id of any of the emissions; ids are those of asrkit decode")
    if problems:
        remark(f"{len(problems)} of {len(recordings)} emissions are no use: {problems[0]}", quiet)
    if untold := len(recordings) - len(found) - len(problems):
        remark(f"{untold} of {len(recordings)} emissions are left out: no text has their id", quiet)
    return _Dev(found, spoken, model.symbols, model.step_ms, normalizer)


def _as_toml(settings: Mapping[str, Any]) -> str:
    lines = (f"{name} = {json.dumps(value)}" for name, value in settings.items())
    return "[decoding]\n" + "".join(f"{line}\n" for line in lines)


def _print_result(result: TuningResult) -> None:
    from asrkit.cli.console import Console
    from asrkit.report.frontier import frontier_table
    from asrkit.report.model_card import settings_in_words

    Console().print(frontier_table(result))
    show(
        f"word error rate {result.before.word_error_rate:.2%} -> {result.chosen.word_error_rate:.2%} "
        f"(best of all {result.best.word_error_rate:.2%})"
    )
    show(settings_in_words(result.settings))
