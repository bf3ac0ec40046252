"""Every setting of every stage: frozen dataclasses that check themselves, read from TOML, written as JSON.

Defaults stand here and nowhere else. Flags beat ``ASRKIT_*`` variables beat ``asrkit.toml`` beat the settings
inside a bundle beat these defaults.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from asrkit.errors import ConfigError, MissingPathError


class Settings:
    """Base of all settings: strict reading from plain values, and back."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str = "") -> Self:
        """Build settings from plain values, as TOML and JSON give them.

        Args:
            values: Field names and values; nested settings are mappings.
            where: What to call the source in an error, such as ``asrkit.toml``.

        Raises:
            ConfigError: A key is unknown, a value has the wrong type or is out of range.
        """
        prefix = f"{where}: " if where else ""
        hints = typing.get_type_hints(cls)
        names = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
        arguments = {}
        for key, value in values.items():
            if key not in names:
                raise ConfigError(f"{prefix}unknown setting {key!r}{_suggest(key, names)}")
            arguments[key] = _convert(value, hints[key], f"{prefix}{key}")
        try:
            return cls(**arguments)
        except ConfigError as error:
            raise ConfigError(f"{prefix}{error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values that JSON can hold."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}  # type: ignore[arg-type]

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed and checked."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


def _suggest(key: str, names: list[str]) -> str:
    close = difflib.get_close_matches(key, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(names)}"


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _convert(value: Any, hint: Any, where: str) -> Any:
    """Turn one plain value into the type of its field."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        return None if value is None else _convert(value, options[0], where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where} must be a list, not {value!r}")
        item = typing.get_args(hint)[0]
        return tuple(_convert(v, item, f"{where}[{i}]") for i, v in enumerate(value))
    if isinstance(hint, type) and issubclass(hint, Settings):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} must be a table, not {value!r}")
        return hint.from_dict(value, where=where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or (hint is not bool and isinstance(value, bool))):
        raise ConfigError(f"{where} must be of type {hint.__name__}, not {value!r}")
    return value


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    _require(value in choices, f"{name} must be one of {', '.join(choices)}, not {value!r}")


def _positive(settings: Any, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        _require(value > 0, f"{name} must be positive, not {value!r}")


def _fraction(settings: Any, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        _require(0.0 <= value <= 1.0, f"{name} must lie between 0 and 1, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class FeatureConfig(Settings):
    """Waveform to feature frames."""

    kind: str = "log_mel"  # or "linear": the paper's log power spectrogram
    sample_rate_hz: int = 16_000
    window_ms: float = 25.0
    hop_ms: float = 10.0
    mel_bins: int = 80
    low_hz: float = 20.0
    high_hz: float = 7_600.0

    def __post_init__(self) -> None:
        _one_of("kind", self.kind, ("log_mel", "linear"))
        _positive(self, "sample_rate_hz", "window_ms", "hop_ms", "mel_bins")
        _require(
            0 <= self.low_hz < self.high_hz <= self.sample_rate_hz / 2,
            f"low_hz and high_hz must satisfy 0 <= {self.low_hz} < {self.high_hz} <= {self.sample_rate_hz / 2}",
        )

    @property
    def window_samples(self) -> int:
        """Length of the analysis window in samples."""
        return round(self.sample_rate_hz * self.window_ms / 1000)

    @property
    def hop_samples(self) -> int:
        """Distance between frames in samples."""
        return round(self.sample_rate_hz * self.hop_ms / 1000)

    @property
    def fft_size(self) -> int:
        """The power of two that holds a window."""
        return 1 << (self.window_samples - 1).bit_length()

    @property
    def num_bins(self) -> int:
        """Values per frame."""
        return self.mel_bins if self.kind == "log_mel" else self.window_samples // 2 + 1


@dataclass(frozen=True, kw_only=True)
class ConvLayer(Settings):
    """One convolution over time and frequency; sizes and strides in frames and bins."""

    channels: int = 32
    kernel_frames: int = 11
    kernel_bins: int = 41
    stride_frames: int = 2
    stride_bins: int = 2

    def __post_init__(self) -> None:
        _positive(self, "channels", "kernel_frames", "kernel_bins", "stride_frames", "stride_bins")


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Settings):
    """DeepSpeech2 (Amodei et al. 2015, arXiv 1512.02595): convolutions, recurrent layers, a dense layer, CTC."""

    conv_layers: tuple[ConvLayer, ...] = (
        ConvLayer(channels=32, kernel_frames=11, kernel_bins=21, stride_frames=2, stride_bins=2),
        ConvLayer(channels=32, kernel_frames=11, kernel_bins=11, stride_frames=2, stride_bins=2),
    )
    rnn_type: str = "gru"
    rnn_layers: int = 3
    rnn_units: int = 256
    bidirectional: bool = True
    lookahead_steps: int = 0  # row convolution after the last recurrent layer, for unidirectional models
    dense_units: int = 0  # 0: no dense layer before the output
    normalization: str = "layer"  # of the recurrent layers' input; "batch" is the paper's sequence-wise one
    dropout: float = 0.2

    def __post_init__(self) -> None:
        _require(
            1 <= len(self.conv_layers) <= 3,
            f"conv_layers must have 1 to 3 entries, not {len(self.conv_layers)}",
        )
        _one_of("rnn_type", self.rnn_type, ("gru", "lstm", "rnn"))
        _one_of("normalization", self.normalization, ("batch", "layer"))
        _positive(self, "rnn_layers", "rnn_units")
        _require(self.dense_units >= 0, f"dense_units must not be negative, not {self.dense_units}")
        _require(self.lookahead_steps >= 0, f"lookahead_steps must not be negative, not {self.lookahead_steps}")
        _require(
            not (self.bidirectional and self.lookahead_steps),
            "lookahead_steps is for unidirectional models; set bidirectional = false or lookahead_steps = 0",
        )
        _require(0.0 <= self.dropout < 1.0, f"dropout must lie in [0, 1), not {self.dropout!r}")

    @property
    def stride_frames(self) -> int:
        """Input frames per output step."""
        stride = 1
        for layer in self.conv_layers:
            stride *= layer.stride_frames
        return stride


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig(Settings):
    """Changes made to the training audio and features, drawn anew every epoch."""

    speeds: tuple[float, ...] = (0.9, 1.0, 1.1)  # resampling factors, one drawn for each utterance
    gain_db: float = 6.0  # uniform in +- this; matters only where noise is added
    noise_probability: float = 0.0
    noise_snr_db: tuple[float, ...] = (10.0, 30.0)  # lowest and highest signal-to-noise ratio
    time_masks: int = 2  # SpecAugment (Park et al. 2019, arXiv 1904.08779)
    time_mask_frames: int = 20
    time_mask_share: float = 0.2  # no time mask covers more than this share of an utterance
    frequency_masks: int = 2
    frequency_mask_bins: int = 15

    def __post_init__(self) -> None:
        _require(len(self.speeds) > 0 and all(0.5 <= s <= 2 for s in self.speeds), "speeds must lie in [0.5, 2]")
        _fraction(self, "noise_probability", "time_mask_share")
        _require(len(self.noise_snr_db) == 2, "noise_snr_db must be [lowest, highest]")
        for name in ("time_masks", "time_mask_frames", "frequency_masks", "frequency_mask_bins", "gain_db"):
            _require(getattr(self, name) >= 0, f"{name} must not be negative")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Settings):
    """One training run."""

    epochs: int = 60
    batch_size: int = 16
    batch_frames: int = 24_000  # padded frames per batch at most: bounds memory for long utterances
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    final_learning_rate_share: float = 0.01  # the cosine ends at this share of the peak
    weight_decay: float = 1e-3
    clip_norm: float = 1.0
    ema_momentum: float = 0.0  # 0: no weight averaging
    sortagrad: bool = True  # first epoch shortest first
    patience: int = 0  # epochs without a better dev WER before stopping; 0: never stop early
    precision: str = "float32"  # or "mixed_float16", "mixed_bfloat16"
    seed: int = 1
    start_from: str | None = None  # bundle whose weights to begin with, to go on with other data or settings
    dev_samples: int = 3  # sample predictions shown after each epoch
    min_seconds: float = 0.1
    max_seconds: float = 30.0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        _positive(self, "epochs", "batch_size", "batch_frames", "learning_rate", "clip_norm", "max_seconds")
        for name in ("warmup_steps", "weight_decay", "patience", "dev_samples", "min_seconds"):
            _require(getattr(self, name) >= 0, f"{name} must not be negative")
        _fraction(self, "final_learning_rate_share")
        _require(0.0 <= self.ema_momentum < 1.0, f"ema_momentum must lie in [0, 1), not {self.ema_momentum!r}")
        _one_of("precision", self.precision, ("float32", "mixed_float16", "mixed_bfloat16"))


# Beam and symbol threshold in nats. "fast" prunes as pyctcdecode does by default.
SEARCH_THRESHOLDS = {"accurate": (14.0, 7.0), "fast": (10.0, 5.0)}


@dataclass(frozen=True, kw_only=True)
class DecodingConfig(Settings):
    """Emissions to text. Scores are natural logarithms, higher is better.

    A hypothesis scores ``acoustic + lm_weight * lm + word_bonus * words + hotwords`` (lm_weight and word_bonus are
    alpha and beta of the DeepSpeech2 paper).
    """

    decoder: str = "beam"  # or "greedy", "pyctcdecode"
    mode: str = "accurate"  # or "fast": what the two thresholds are unless they are set
    beam: int = 50  # prefixes kept after each step, at most
    beam_threshold: float | None = None  # nats below the best at which a prefix is dropped; accurate 14, fast 10
    symbol_threshold: float | None = None  # symbols less likely than exp(-this) are not tried; accurate 7, fast 5
    lm_weight: float = 0.7
    word_bonus: float = 1.5  # nats per word; counts only with a language model
    vocabulary: str = "open"  # "closed": only words of the language model
    unknown_weight: float = 0.6  # times ln P(spelling) of a word outside the vocabulary, within the lm score
    unknown_bonus: float = 0.0  # nats per word outside the vocabulary, within the lm score
    recombine: bool = True  # go on with the best of the histories that the language model cannot tell apart
    hotwords: tuple[str, ...] = ()  # words and phrases to prefer
    hotword_weight: float = 6.0  # nats that each occurrence of a hotword adds; negative: avoid them
    n_best: int = 1  # hypotheses returned, at most

    def __post_init__(self) -> None:
        _one_of("decoder", self.decoder, ("beam", "greedy", "pyctcdecode"))
        _one_of("mode", self.mode, tuple(SEARCH_THRESHOLDS))
        _one_of("vocabulary", self.vocabulary, ("open", "closed"))
        _positive(self, "beam", "n_best")
        for name in ("lm_weight", "unknown_weight"):
            value = getattr(self, name)
            _require(0.0 <= value < math.inf, f"{name} must be finite and not negative, not {value!r}")
        for name in ("word_bonus", "unknown_bonus", "hotword_weight"):
            _require(math.isfinite(getattr(self, name)), f"{name} must be finite, not {getattr(self, name)!r}")
        _require(self.beam <= 1_000_000, f"beam must be at most 1000000, not {self.beam}")
        # Masses are 32-bit numbers relative to the best: beyond 80 nats they would vanish anyway.
        _require(
            self.beam_threshold is None or 0.0 < self.beam_threshold <= 80.0,
            f"beam_threshold must lie in (0, 80], not {self.beam_threshold!r}",
        )
        _require(
            self.symbol_threshold is None or self.symbol_threshold > 0.0,
            f"symbol_threshold must be positive, not {self.symbol_threshold!r}",
        )

    @property
    def thresholds(self) -> tuple[float, float]:
        """The beam and the symbol threshold in nats, those of the mode where none is set."""
        beam, symbol = SEARCH_THRESHOLDS[self.mode]
        return (
            beam if self.beam_threshold is None else self.beam_threshold,
            symbol if self.symbol_threshold is None else self.symbol_threshold,
        )


@dataclass(frozen=True, kw_only=True)
class TranscriptionConfig(Settings):
    """A batch transcription: what to read, how to spread the work, what to write."""

    recursive: bool = True
    include: tuple[str, ...] = ()  # patterns of names to take from folders; default: every audio suffix
    exclude: tuple[str, ...] = ()
    channels: str = "mix"  # or "split": one transcript per channel
    raw_rate_hz: int | None = None  # of .raw and .pcm files: 16-bit little-endian mono samples
    runner: str = "local"  # or "ray"
    ray_address: str | None = None  # of a running cluster; default: Ray on this machine, for this run
    jobs: int = 0  # batches worked on at once; 0: one per core
    threads: int = 1  # of the network inside one batch; more helps only where jobs cannot fill the cores
    batch_seconds: float = 160.0  # padded audio per batch at most: bounds memory
    batch_size: int = 64  # recordings per batch at most
    window_s: float = 30.0  # longer recordings are read in windows of this length
    overlap_s: float = 6.0  # what neighboring windows share; they are joined inside it
    format: tuple[str, ...] = ("txt",)  # files written per recording

    def __post_init__(self) -> None:
        _one_of("channels", self.channels, ("mix", "split"))
        _one_of("runner", self.runner, ("local", "ray"))
        _require(
            self.raw_rate_hz is None or self.raw_rate_hz > 0, f"raw_rate_hz must be positive, not {self.raw_rate_hz}"
        )
        _require(self.jobs >= 0, f"jobs must not be negative, not {self.jobs}")
        _positive(self, "threads", "batch_seconds", "batch_size", "window_s")
        _require(
            0 < self.overlap_s <= self.window_s / 2,
            f"overlap_s must be positive and at most half of window_s, not {self.overlap_s} of {self.window_s}",
        )
        for name in self.format:
            _one_of("format", name, TRANSCRIPT_FORMATS)
        _require(len(self.format) > 0, "format names no format; give at least one, such as txt")


TRANSCRIPT_FORMATS = ("txt", "json", "jsonl", "srt", "vtt", "tsv", "ctm", "textgrid")


@dataclass(frozen=True, kw_only=True)
class ScoringConfig(Settings):
    """Hypotheses against references."""

    normalizer: str = "standard"  # or "none", "whisper"
    weights: str = "unit"  # or "nist": the alignment of NIST's sclite
    engine: str = "native"  # or "jiwer": let jiwer itself count
    missing: str = "error"  # or "deletions": a reference without a hypothesis is all deleted
    characters: str = "char"  # what a CER counts; or "char-nospace", "grapheme"
    resamples: int = 1_000  # of the bootstrap; 0: no interval
    confidence: float = 0.95  # of the interval
    seed: int = 1

    def __post_init__(self) -> None:
        _one_of("normalizer", self.normalizer, ("none", "standard", "whisper"))
        _one_of("weights", self.weights, ("unit", "nist"))
        _one_of("engine", self.engine, ("native", "jiwer"))
        _one_of("missing", self.missing, ("error", "deletions"))
        _one_of("characters", self.characters, ("char", "char-nospace", "grapheme"))
        _require(self.resamples >= 0, f"resamples must not be negative, not {self.resamples}")
        _require(0.0 < self.confidence < 1.0, f"confidence must lie between 0 and 1, not {self.confidence!r}")
        _require(
            self.engine != "jiwer" or self.weights == "unit",
            "engine jiwer has weights of its own; use weights unit with it",
        )


@dataclass(frozen=True, kw_only=True)
class DataConfig(Settings):
    """Where the speech is. Paths are relative to the file that names them."""

    train: str | None = None  # a manifest, an LJSpeech folder, a LibriSpeech tree
    dev: str | None = None
    audio_root: str | None = None  # base of relative audio paths; default: the manifest's folder
    alphabet: str = " abcdefghijklmnopqrstuvwxyz'"
    dev_share: float = 0.05  # split off from train when no dev set is named, by speaker where known

    def __post_init__(self) -> None:
        _require(0.0 < self.dev_share < 1.0, f"dev_share must lie between 0 and 1, not {self.dev_share!r}")


@dataclass(frozen=True, kw_only=True)
class RunConfig(Settings):
    """One ``asrkit.toml``: everything a run needs."""

    data: DataConfig = field(default_factory=DataConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    scoring: ScoringConfig = field(default_factory=ScoringConfig)
    transcription: TranscriptionConfig = field(default_factory=TranscriptionConfig)


def read_toml(path: Path | str) -> dict[str, Any]:
    """Read a TOML file into plain values.

    Raises:
        MissingPathError: There is no such file.
        ConfigError: The file is not TOML.
    """
    path = Path(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise MissingPathError("no such file", path=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
