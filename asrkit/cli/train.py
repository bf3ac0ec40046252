"""``asrkit train``."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from asrkit.cli.app import app
from asrkit.cli.groups import grouped
from asrkit.cli.settings import Project, named_model, parse_assignment
from asrkit.cli.showing import show
from asrkit.errors import AsrkitError, ConfigError, MissingPackageError, MissingPathError
from asrkit.training.backend import require_training
from asrkit.writing import write_whole

if TYPE_CHECKING:
    from asrkit.config import RunConfig
    from asrkit.model.bundle import Bundle
    from asrkit.training.observer import TrainingObserver
    from asrkit.training.worker import Job

# Where `asrkit data` puts LJSpeech: prepared manifests first, else the corpus itself.
_PREPARED = Path("data/ljspeech/train.tsv")
_CORPUS = Path("data/LJSpeech-1.1")
_MODELS = Path("models")


@dataclass(frozen=True)
class ManyHosts:
    """How a run is spread over hosts."""

    PANEL: ClassVar = "Many hosts"
    coordinator: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of host 0, where the hosts of a run meet; each starts the same command."),
    ] = None
    num_hosts: Annotated[int | None, typer.Option(min=1, help="How many there are.")] = None
    host_index: Annotated[int | None, typer.Option(min=0, help="Which this one is, from 0 on.")] = None
    hosts: Annotated[
        str | None, typer.Option(help="auto: find all this as Slurm, Open MPI, Kubernetes or a TPU tell it.")
    ] = None
    runner: Annotated[str | None, typer.Option(help="local, or ray for a cluster; default: local.")] = None
    num_workers: Annotated[int | None, typer.Option(min=1, help="Hosts of a run on Ray.")] = None
    ray_address: Annotated[
        str | None, typer.Option(help="A running Ray cluster, or auto; default: Ray on this machine, for this run.")
    ] = None


@dataclass(frozen=True)
class TextOptions:
    """What the model is to write, and by what."""

    PANEL: ClassVar = "What the model writes"
    alphabet: Annotated[
        str | None,
        typer.Option(help="Its letters, or auto: those of the training texts; default: space, a-z, '."),
    ] = None
    units: Annotated[
        str | None, typer.Option(help="characters, subwords or phonemes; default: characters, with --lexicon phonemes.")
    ] = None
    lexicon: Annotated[Path | None, typer.Option(help="How words are said: lines word<TAB>phonemes, or CMUdict's.")] = (
        None
    )

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the data that these are short for."""
        units = self.units or ("phonemes" if self.lexicon else None)
        if self.lexicon and units != "phonemes":
            raise ConfigError(f"--lexicon is for phonemes, not for --units {units}; drop one of the two")
        named = {"alphabet": self.alphabet, "units": units, "lexicon": self.lexicon}
        return {name: str(value) for name, value in named.items() if value is not None}


@app.command()
@grouped
def train(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="What to train on: a manifest (TSV, CSV, JSONL) or a corpus in its own layout.", show_default=False
        ),
    ] = None,
    *,
    dev: Annotated[
        Path | None, typer.Option(help="Data to choose the best epoch on; default: a share of the training data.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="tiny, small, base, paper or keras-example; default: small.", envvar="ASRKIT_PRESET"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the run; default: models/DATA-PRESET.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings of the run; default: asrkit.toml.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the data.", envvar="ASRKIT_EPOCHS")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change any setting, as in --set training.batch_size=32; repeatable."),
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Begin with the network and weights of this bundle, or english-small, to fine-tune it on other data.",
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw an earlier run in the same folder away.")] = False,
    tensorboard: Annotated[
        bool | None, typer.Option("--tensorboard", help="Write event files for TensorBoard into the run's folder.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what the run will cost, after a few steps that are thrown away.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Show nothing but what needs attention.")] = False,
    texts: TextOptions,
    many: ManyHosts,
) -> None:
    """Train a DeepSpeech2; stopped at any moment, the same command goes on where it was.

    Without arguments it reads asrkit.toml, else LJSpeech prepared under data/. The bundle of the best epoch on the dev
    set lies in the run's folder, and models/latest leads to it.

    Example: asrkit train data/an4/train.tsv --dev data/an4/dev.tsv --preset small
    """
    # The threads that make features call numpy; its own threads would only wait beside those of the network.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    start = _start(many)
    training = {"start_from": start_from and str(start_from), "tensorboard": tensorboard or None}
    flags = {"data": texts.settings, "training": {name: value for name, value in training.items() if value is not None}}
    run = run_settings(data, dev, preset, config, epochs, setting, flags)
    require_training()  # here too: before the live view, and before a corpus is read
    output = output or _MODELS / _run_name(run, preset or _preset_of(config))
    if plan:
        if many.hosts is not None:
            raise ConfigError(
                "--plan asks no cluster how many hosts it has: name them, with --coordinator, --num-hosts"
            )
        _plan(run, many.num_workers or many.num_hosts or 1, quiet=quiet)
        return
    _train(run, output, start, fresh=fresh, quiet=quiet)


def _start(many: ManyHosts) -> Callable[[Job, TrainingObserver], Bundle | None]:
    """Return what trains as the options of many hosts say: here, as one of several hosts, or on Ray.

    Raises:
        ConfigError: The options do not belong together.
    """
    from asrkit.training.hosts import Place
    from asrkit.training.ray_workers import train_on_ray
    from asrkit.training.worker import train_as_host, train_here

    coordinator, num_hosts, host_index = by_hand = (many.coordinator, many.num_hosts, many.host_index)
    on_ray = many.runner == "ray"
    if many.runner not in (None, "local", "ray") or many.hosts not in (None, "auto"):
        raise ConfigError("--runner is local or ray, and --hosts is auto")
    if on_ray != (many.num_workers is not None) or (many.ray_address is not None and not on_ray):
        raise ConfigError("--runner ray and --num-workers N go together, and --ray-address with them")
    if sum((on_ray, many.hosts is not None, by_hand != (None, None, None))) > 1:
        raise ConfigError("choose one of --runner ray, --hosts auto and --coordinator")
    if many.num_workers is not None:
        return partial(train_on_ray, num_workers=many.num_workers, address=many.ray_address)
    if many.hosts is not None:
        return partial(train_as_host, place=Place())
    if by_hand == (None, None, None):
        return train_here
    if coordinator is None or num_hosts is None or host_index is None:
        raise ConfigError("--coordinator HOST:PORT, --num-hosts N and --host-index I go together")
    return partial(train_as_host, place=Place(coordinator, num_hosts, host_index))


def _train(
    run: RunConfig,
    output: Path,
    start: Callable[[Job, TrainingObserver], Bundle | None],
    *,
    fresh: bool,
    quiet: bool,
) -> None:
    from asrkit.cli.console import Console
    from asrkit.report.training_view import TrainingView
    from asrkit.training.advice import next_step
    from asrkit.training.checkpoint import CHECKPOINT
    from asrkit.training.run import point_latest_at
    from asrkit.training.worker import Job

    console = Console(stderr=True)
    try:
        with TrainingView(console, quiet=quiet) as view:
            bundle = start(Job(run, output, fresh), view)
    except KeyboardInterrupt as interrupt:
        command = "the same command without --fresh" if fresh else "the same command"
        if (output / CHECKPOINT).exists():
            interrupt.add_note(f"the run is kept in {output}, {command} goes on with it")
        raise
    finally:
        page = _report(output)
    if bundle is None:  # it is on the first host
        return
    latest = point_latest_at(bundle.path)
    dev = bundle.card.get("dev", {})
    show(bundle.path, exact=True)
    if not quiet:
        rates = f"dev WER {dev.get('wer_percent')} %, CER {dev.get('cer_percent')} %"
        own = bundle.path.with_name("latest")
        found_by = (
            f"{latest} leads to it" if latest else f"{own} is another model and stays; name this one with --model"
        )
        show(f"{rates} (greedy, epoch {bundle.card.get('epoch')}); {found_by}", err=True)
        if page is not None:
            show(f"curves, sentences and settings: {page}", err=True)
        epochs = run.training.epochs
        show(f"next: {next_step(dev.get('wer_percent'), epochs, str(bundle.path))}", err=True)


def _plan(run: RunConfig, num_hosts: int, *, quiet: bool) -> None:
    from asrkit.cli.console import Console
    from asrkit.report.training_plan import plan_lines
    from asrkit.report.training_view import TrainingView
    from asrkit.training.plan import plan_run

    found = plan_run(run, TrainingView(Console(stderr=True), quiet=quiet), num_hosts)
    show("\n".join(plan_lines(found)))


def _report(output: Path) -> Path | None:
    """Draw the learning curve and write the run's page, if there is anything to tell, and return the page."""
    from asrkit.model.bundle import Bundle
    from asrkit.report.html import render_training
    from asrkit.report.learning_curve import draw_learning_curve
    from asrkit.training.run import LEFT_OUT

    log = output / "log.jsonl"
    if not log.is_file():
        return None
    page = output / "report.html"
    listed = output / LEFT_OUT
    lines = listed.read_text(encoding="utf-8").splitlines()[1:] if listed.is_file() else []
    left_out = [line.split("\t", 1) for line in lines]
    try:
        history = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        try:
            draw_learning_curve(history, output / "learning_curve.png")
        except MissingPackageError as error:
            show(f"asrkit: no learning_curve.png: {error}", err=True)
        write_whole(page, render_training(history, Bundle.load(output).card, left_out))
    except (OSError, ValueError, AsrkitError):
        return None  # why the run ended is more worth telling
    return page


def run_settings(
    data: Path | None,
    dev: Path | None,
    preset: str | None,
    config: Path | None,
    epochs: int | None,
    assignments: Sequence[str] | None,
    flags: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Merge other flags over ``--set`` over the first ones, which may come from variables, over the file and preset."""
    from asrkit.presets import merge, run_config

    project = Project.load(config)
    merged = _relative_to_file(project)
    if preset is not None:
        merged["preset"] = preset
    if epochs is not None:
        merged = merge(merged, {"training": {"epochs": epochs}})
    if data is not None:
        # A dev set in the file belongs to the file's training data.
        merged = merge(merged, {"data": {"train": str(data), "dev": None}})
    if dev is not None:
        merged = merge(merged, {"data": {"dev": str(dev)}})
    for assignment in assignments or ():
        merged = merge(merged, parse_assignment(assignment))
    merged = merge(merged, flags or {})
    where = str(project.path or "command line")
    run = run_config(merged, where=where)
    if run.training.start_from is not None:
        begin = named_model(Path(run.training.start_from), "--from or training.start_from")
        merged = merge(_network_of(begin), merge(merged, {"training": {"start_from": str(begin)}}))
        run = run_config(merged, where=where)
    run.require_complete()
    for path in (run.data.train, run.data.dev):
        if path is not None and not Path(path).exists():
            raise MissingPathError("no such manifest or corpus folder", path=path)
    return run if run.data.train is not None else run.replace(data=_ljspeech(run.data))


def _network_of(path: Path) -> dict[str, Any]:
    """Return what a run must share with the model that it begins with, as settings."""
    from asrkit.model.bundle import Bundle

    bundle = Bundle.load(path)
    data = {"alphabet": bundle.alphabet.symbols, "units": bundle.kind}
    if bundle.lexicon is not None:
        data["lexicon"] = str(bundle.lexicon)
    features = {"silence": bundle.features.silence, **bundle.features.to_dict()}
    return {"features": features, "model": bundle.model.to_dict(), "data": data}


def _ljspeech(data: Any) -> Any:
    """Return the data settings with LJSpeech as the training data, wherever it is."""
    if _PREPARED.is_file():
        dev = _PREPARED.with_name("dev.tsv")
        return data.replace(train=str(_PREPARED), dev=str(dev) if dev.is_file() else data.dev)
    if _CORPUS.is_dir():
        return data.replace(train=str(_CORPUS))
    raise ConfigError(
        "nothing to train on: name a manifest or corpus folder (asrkit train my/train.tsv), write asrkit.toml, "
        "or fetch LJSpeech with `asrkit data download ljspeech`"
    )


def _relative_to_file(project: Project) -> dict[str, Any]:
    """Return the file's settings, its relative paths made relative to the current folder."""
    from asrkit.config import AugmentationConfig

    tables: dict[str, Any] = copy.deepcopy(dict(project.tables))
    base = project.path.parent if project.path else Path()
    data, training = tables.get("data", {}), tables.get("training", {})
    for key in ("train", "dev", "audio_root", "lexicon"):
        if data.get(key):
            data[key] = str(base / data[key])
    start_from = training.get("start_from")
    if start_from and (base / start_from).exists():  # else the name of a model in the box
        training["start_from"] = str(base / start_from)
    augmentation = training.get("augmentation", {})
    for key, known in AugmentationConfig.FORMULAS.items():
        if key in augmentation:
            augmentation[key] = [name if name in known else str(base / name) for name in augmentation[key]]
    return tables


def _preset_of(config: Path | None) -> str:
    return str(Project.load(config).tables.get("preset", "small"))


def _run_name(run: RunConfig, preset: str) -> str:
    """Return a folder name that tells data and preset, such as ``an4-small``."""
    train = Path(str(run.data.train)).resolve()
    return f"{train.name if train.is_dir() else train.parent.name or 'run'}-{preset}"
