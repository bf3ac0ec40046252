"""What a model from elsewhere is: its files, its labels and its front end, as each toolkit lays them out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from asrkit.config import DecodingConfig, FeatureConfig, front_end_named
from asrkit.errors import BundleError, ConfigError, MissingPathError
from asrkit.reading import in_one_line, read_bounded
from asrkit.text import Symbols
from asrkit.text.symbols import WordRule
from asrkit.text.token_files import read_labels, read_symbols

_MOST_JSON_BYTES = 64 << 20
_TOKEN_FILES = ("tokens.txt", "units.txt", "vocab.txt", "vocab.json", "tokenizer.json", "words.txt")
_GRAPHS = ("model.onnx", "onnx/model.onnx", "model.int8.onnx", "encoder.onnx")
_LM_SUFFIXES = (".bin", ".arpa", ".arpa.gz", ".binary", ".klm")
_PAIRED = re.compile(r"(encoder|decoder|joiner|joint|predictor)", re.IGNORECASE)
_TRANSDUCER = re.compile(r"rnn-?t|tdt|transducer", re.IGNORECASE)
_ATTENTION = re.compile(r"whisper|aed|canary|ConditionalGeneration|SpeechSeq2Seq|Speech2Text", re.IGNORECASE)
_ONLY_CTC = "only CTC models can be imported"

# What a file of a toolkit needs before there is a graph.
_EXPORTS = {
    ".nemo": (
        'python -c "import nemo.collections.asr as a; m = a.models.ASRModel.restore_from({name!r}); '
        "m.export('model.onnx'); open('tokens.txt', 'w').writelines(f'{{t}} {{i}}\\n' for i, t in "
        "enumerate([*m.decoder.vocabulary, '<blk>']))\", then: asrkit model import model.onnx --tokens tokens.txt "
        "--front-end nemo80"
    ),
    ".keras": (
        "python -c \"import keras; keras.saving.load_model({name!r}).export('model.onnx', format='onnx')\", then: "
        "asrkit model import model.onnx --tokens TOKENS --front-end NAME"
    ),
    ".safetensors": (
        "optimum-cli export onnx --task automatic-speech-recognition --model {folder} {folder}, then: asrkit model "
        "import {folder}"
    ),
}
_EXPORTS |= dict.fromkeys((".bin", ".pt", ".pth", ".ckpt", ".h5"), _EXPORTS[".safetensors"])


@dataclass(frozen=True)
class Source:
    """A model to be imported."""

    layout: str  # what it was taken for
    graph: Path  # the ONNX file
    tokens: Path | None = None  # the file of its labels, if there is one
    front_end: FeatureConfig | None = None  # how it hears, if that is known
    blank: int | None = None  # the output that is the blank, if that is known
    words: WordRule | None = None  # how labels show words, if that is known
    constants: Mapping[str, int] = field(default_factory=dict)  # inputs that no sound decides
    drop_steps: int = 0  # steps at the start that carry no text
    language_model: Path | None = None  # that comes with it
    decoding: Mapping[str, float] = field(default_factory=dict)  # settings for that
    card: Mapping[str, Any] = field(default_factory=dict)  # where it comes from

    def symbols(self, num_outputs: int) -> Symbols:
        """Return what the outputs write.

        Raises:
            ConfigError: The labels cannot be used, or are not so many.
        """
        if self.tokens is None:
            raise ConfigError("the labels of the outputs are not known; name their file with --tokens")
        if self.tokens.name == "vocab.json" and (added := self.tokens.with_name("added_tokens.json")).is_file():
            labels = _with_added(read_labels(self.tokens), added)
            if len(labels) == num_outputs:
                return Symbols.recognize(labels, self.blank, self.words)
        return read_symbols(self.tokens, num_outputs, self.blank, self.words)


def find_source(path: Path, front_end: FeatureConfig | None = None) -> Source:
    """Find out what a path holds; how it hears is not asked of its files where a user says so.

    Raises:
        MissingPathError: There is nothing.
        BundleError: It is no CTC model with a graph; what it is, and how to get a graph out of it, is said.
    """
    if not path.exists():
        raise MissingPathError("there is no such model; name an .onnx file, a folder, or hf:owner/name", path=path)
    if path.is_file():
        if path.suffix != ".onnx":
            raise BundleError(_how_to_export(path), path=path)
        return Source("an ONNX file", path, _first(path.parent, _TOKEN_FILES[:3]))
    if (path / "bundle.json").is_file():
        raise BundleError("is a bundle of asrkit already; name it with --model", path=path)
    config = _json(path / "config.json")
    with _strange_values_refused("its JSON files hold", path, "name the graph itself, with --tokens and --front-end"):
        if "architectures" in config or (path / "preprocessor_config.json").is_file():
            return _hugging_face(path, config, front_end)
        return _onnx_asr(path, config) if "model_type" in config else _tokens_beside(path)


@contextmanager
def _strange_values_refused(where: str, path: Path, remedy: str) -> Iterator[None]:
    """Turn what values of strange types or sizes lead to into one error."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise BundleError(f"{where} what cannot be used ({in_one_line(error)}); {remedy}", path=path) from None


def _hugging_face(path: Path, config: Mapping[str, Any], front_end: FeatureConfig | None) -> Source:
    named = config.get("architectures") or f"{config.get('model_type', 'model')}ForCTC"
    architecture = str(named if isinstance(named, str) else named[0])
    _refuse_other_kinds(path, architecture)
    if not architecture.endswith(("ForCTC", "CTC")):
        raise BundleError(f"is a {architecture}; {_ONLY_CTC} (their architecture ends in ForCTC)", path=path)
    processor = _json(path / "preprocessor_config.json") or _json(path / "processor_config.json")
    hearing = processor.get("feature_extractor", processor)
    pad = config.get("pad_token_id")
    folder = path / "language_model"
    attributes = _json(folder / "attrs.json")
    decoding = {
        ours: float(attributes[theirs])
        for ours, theirs in (("lm_weight", "alpha"), ("word_bonus", "beta"))
        if isinstance(attributes.get(theirs), int | float)
    }
    DecodingConfig.from_dict(decoding)  # they are in range
    return Source(
        f"a Hugging Face folder ({architecture})",
        _graph_in(path),
        _first(path, ("vocab.json", "tokenizer.json", "tokens.txt")),
        front_end or _front_end_of_extractor(hearing, path),
        pad if type(pad) is int else None,
        WordRule.BAR if _json(path / "tokenizer_config.json").get("word_delimiter_token") == "|" else None,
        language_model=next((f for f in sorted(folder.glob("*")) if f.name.endswith(_LM_SUFFIXES)), None),
        decoding=decoding,
        card={"architecture": architecture, **_license(path)},
    )


def _front_end_of_extractor(hearing: Mapping[str, Any], path: Path) -> FeatureConfig:
    kind, rate = hearing.get("feature_extractor_type"), hearing.get("sampling_rate", 16_000)
    if kind == "Wav2Vec2FeatureExtractor" or (kind is None and hearing.get("feature_size") == 1):  # of 2021: not named
        normalize = "utterance" if hearing.get("do_normalize", True) else "none"
        return front_end_named("waveform", {"sample_rate_hz": rate, "normalize": normalize})
    if kind == "ParakeetFeatureExtractor":
        return front_end_named("nemo80", {"sample_rate_hz": rate, "mel_bins": hearing.get("feature_size", 80)})
    if kind == "SeamlessM4TFeatureExtractor":
        return front_end_named("wav2vec2-bert", {"mel_bins": hearing.get("num_mel_bins", 80)})
    raise BundleError(f"its features are those of {kind or 'an unknown extractor'}; name a --front-end", path=path)


def _onnx_asr(path: Path, config: Mapping[str, Any]) -> Source:
    kind = str(config["model_type"])
    _refuse_other_kinds(path, kind)
    source = Source(f"a folder of onnx-asr ({kind})", _graph_in(path), _first(path, _TOKEN_FILES))
    if kind.startswith("nemo") and kind.endswith("-ctc"):
        bins = config.get("features_size", 80)
        return replace(source, front_end=front_end_named("nemo80", {"mel_bins": bins}))
    return source


def _tokens_beside(path: Path) -> Source:
    """Return the source of a folder of sherpa-onnx or WeNet, or of any graph with its labels."""
    graphs = sorted(path.glob("*.onnx"))
    if any(re.search("joiner|joint", graph.name) for graph in graphs):
        raise BundleError(f"is a transducer (it has {graphs[-1].name}); {_ONLY_CTC}", path=path)
    if (path / "saved_model.pb").is_file():
        command = f"python -m tf2onnx.convert --saved-model {path} --output model.onnx"
        raise BundleError(f"is a SavedModel; export it: {command}", path=path)
    if not graphs and (others := [f for f in sorted(path.iterdir()) if f.suffix in _EXPORTS]):
        raise BundleError(_how_to_export(others[0]), path=path)
    tokens = _first(path, _TOKEN_FILES)
    is_wenet = (path / "train.yaml").is_file() or (tokens is not None and tokens.name in ("units.txt", "words.txt"))
    if not is_wenet and {"encoder", "decoder"} <= {m[1].lower() for g in graphs if (m := _PAIRED.search(g.name))}:
        raise BundleError(f"is an attention model of an encoder and a decoder; {_ONLY_CTC}", path=path)
    wenet = front_end_named("wenet", {}) if is_wenet else None
    return Source("a WeNet folder" if is_wenet else "a folder", _graph_in(path), tokens, wenet, card=_license(path))


def apply_metadata(source: Source, metadata: Mapping[str, str]) -> Source:
    """Return a source with what its graph says of itself, as sherpa-onnx notes it.

    Raises:
        BundleError: It says that it is no CTC model.
    """
    kind = " ".join(metadata.get("model_type", "").split())
    _refuse_other_kinds(source.graph, "" if "CTC" in kind else kind)
    if not kind:
        return source
    source = replace(source, layout=f"{source.layout} of sherpa-onnx ({kind})")
    license_name = metadata.get("license")
    if license_name and "license" not in source.card:
        source = replace(source, card={**source.card, "license": license_name})
    with _strange_values_refused("its metadata hold", source.graph, "export the model again"):
        return source if source.front_end is not None else _with_front_end(source, kind, metadata)


def _with_front_end(source: Source, kind: str, metadata: Mapping[str, str]) -> Source:
    if kind.startswith("EncDec"):
        bins = _number(metadata.get("feat_dim")) or 80
        normalize = "utterance" if metadata.get("normalize_type", "per_feature") == "per_feature" else "none"
        return replace(source, front_end=front_end_named("nemo80", {"mel_bins": bins, "normalize": normalize}))
    if kind in ("zipformer2_ctc", "zipformer_ctc"):
        return replace(source, front_end=front_end_named("kaldi", {}))
    if kind == "wenet_ctc":
        return replace(source, front_end=front_end_named("wenet", {}))
    if "neg_mean" in metadata and "inv_stddev" in metadata:
        return _sense_voice(source, metadata)
    return source


def _sense_voice(source: Source, metadata: Mapping[str, str]) -> Source:
    mean = [-float(value) for value in metadata["neg_mean"].split(",")]
    deviation = [1 / float(value) for value in metadata["inv_stddev"].split(",")]
    stack, step = _number(metadata.get("lfr_window_size")) or 7, _number(metadata.get("lfr_window_shift")) or 6
    settings = {"stack": stack, "stack_step": step, "mean": mean, "deviation": deviation}
    constants = {"language": _number(metadata.get("lang_auto")), "text_norm": _number(metadata.get("without_itn"))}
    return replace(
        source,
        front_end=front_end_named("funasr", settings),
        constants={name: value for name, value in constants.items() if value is not None},
        drop_steps=4,
    )


def read_cmvn(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of each value of a frame.

    Taken are WeNet's ``global_cmvn`` (JSON of sums), Kaldi's statistics as text, and FunASR's ``am.mvn``.

    Raises:
        ConfigError: The file is none of these.
    """
    try:
        text = read_bounded(path, _MOST_JSON_BYTES).decode()
        if "<AddShift>" in text:
            rows = [[float(n) for n in row.split()] for row in re.findall(r"<LearnRateCoef> 0 \[([^\]]*)\]", text)]
            return tuple(-shift for shift in rows[0]), tuple(1 / scale for scale in rows[1])
        if text.lstrip().startswith("{"):
            stats = json.loads(text)
            sums, squares, count = stats["mean_stat"], stats["var_stat"], float(stats["frame_num"])
        else:
            rows = [[float(n) for n in row.split()] for row in text.strip().strip("[]").strip().split("\n")]
            sums, squares, count = rows[0][:-1], rows[1][: len(rows[0]) - 1], rows[0][-1]
        mean = tuple(total / count for total in sums)
        spread = (max(total / count - m * m, 1e-20) ** 0.5 for total, m in zip(squares, mean, strict=True))
        if not all(map(math.isfinite, mean)):
            raise ValueError("a mean is no number")
        return mean, tuple(spread)
    except FileNotFoundError:
        raise MissingPathError("there is no such file of means", path=path) from None
    except (OSError, ValueError, KeyError, IndexError, TypeError, ArithmeticError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"{path}: is neither WeNet's global_cmvn, nor Kaldi's statistics as text, nor am.mvn ({reason})"
        ) from None


def _refuse_other_kinds(path: Path, kind: str) -> None:
    if _TRANSDUCER.search(kind):
        raise BundleError(f"is a transducer ({kind}); {_ONLY_CTC}", path=path)
    if _ATTENTION.search(kind):
        raise BundleError(f"is an attention model ({kind}); {_ONLY_CTC}", path=path)


def _how_to_export(path: Path) -> str:
    command = _EXPORTS.get(path.suffix)
    if command is None:
        return "is no ONNX graph; name an .onnx file, a folder, or hf:owner/name"
    return f"has weights and no ONNX graph; export it: {command.format(name=path.name, folder=path.parent)}"


def _graph_in(path: Path) -> Path:
    """Return the graph of a folder: by its usual names, else the only one."""
    if graph := _first(path, _GRAPHS):
        return graph
    graphs = sorted(path.glob("*.onnx")) or sorted((path / "onnx").glob("*.onnx"))
    if len(graphs) == 1:
        return graphs[0]
    if graphs:
        names = ", ".join(graph.name for graph in graphs[:5])
        raise BundleError(f"holds several graphs, {names}; name one of them, with --tokens and --front-end", path=path)
    weights = [file for file in sorted(path.iterdir()) if file.suffix in _EXPORTS]
    raise BundleError(_how_to_export(weights[0]) if weights else "holds no ONNX graph", path=path)


def _with_added(labels: Sequence[str], added: Path) -> tuple[str, ...]:
    extra = sorted((index, label) for label, index in _json(added).items() if isinstance(index, int))
    return (*labels, *(label for index, label in extra if index >= len(labels)))


def _first(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _json(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file; empty if there is no file.

    Raises:
        BundleError: It holds something else.
    """
    if not path.is_file():
        return {}
    try:
        value = json.loads(read_bounded(path, _MOST_JSON_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"cannot be read: {' '.join(str(error).split())}", path=path) from None
    if not isinstance(value, dict):
        raise BundleError("is no object of JSON", path=path)
    return value


def _license(path: Path) -> dict[str, str]:
    """Return the license that the head of a model's README names."""
    readme = path / "README.md"
    try:
        head = read_bounded(readme, 4 << 20).decode(errors="replace").split("\n---")[0] if readme.is_file() else ""
    except OSError:
        return {}
    match = re.search(r"^license:\s*(\S+)", head, re.MULTILINE)
    return {"license": match[1].strip("\"'")} if match else {}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d{1,9}", text) else None
