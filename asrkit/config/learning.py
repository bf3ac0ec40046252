"""Settings of features, network, data and training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from asrkit.config.settings import (
    Settings,
    codec_name,
    fraction,
    normalizer_name,
    not_negative,
    one_of,
    positive,
    require,
    span,
)

_MOST_WINDOW_SAMPLES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class FeatureConfig(Settings):
    """Waveform to feature frames."""

    KINDS: ClassVar[tuple[str, ...]] = ("log_mel", "linear")
    MOST: ClassVar = {"sample_rate_hz": 1_000_000, "window_ms": 1_000, "hop_ms": 1_000, "mel_bins": 1_024}

    kind: str = "log_mel"  # or "linear": the paper's log power spectrogram
    sample_rate_hz: int = 16_000
    window_ms: float = 25.0
    hop_ms: float = 10.0
    mel_bins: int = 80
    low_hz: float = 20.0
    high_hz: float = 7_600.0  # unless named, as much of a lower rate as of 16,000 Hz
    silence: str = "counted"  # frames of digital silence in mean and deviation, as models of old; new runs: "ignored"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.high_hz == FeatureConfig.high_hz > self.sample_rate_hz / 2:
            object.__setattr__(
                self, "high_hz", self.sample_rate_hz * FeatureConfig.high_hz / FeatureConfig.sample_rate_hz
            )
        one_of("kind", self.kind, self.KINDS)
        one_of("silence", self.silence, ("counted", "ignored"))
        positive(self, "sample_rate_hz", "window_ms", "hop_ms", "mel_bins")
        require(
            self.hop_samples >= 1 and 2 <= self.window_samples <= _MOST_WINDOW_SAMPLES,
            f"window_ms and hop_ms must be at least 2 samples and 1 sample long, and a window at most "
            f"{_MOST_WINDOW_SAMPLES}, not {self.window_samples} and {self.hop_samples} at {self.sample_rate_hz} Hz",
        )
        require(
            0 <= self.low_hz < self.high_hz <= self.sample_rate_hz / 2,
            f"low_hz and high_hz must satisfy 0 <= {self.low_hz} < {self.high_hz} <= {self.sample_rate_hz / 2}",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values; of silence only what is new, so that old models stay the same."""
        values = super().to_dict()
        if self.silence == "counted":
            del values["silence"]
        return values

    @property
    def window_samples(self) -> int:
        """Length of the analysis window in samples."""
        return round(self.sample_rate_hz * self.window_ms / 1000)

    @property
    def hop_samples(self) -> int:
        """Distance between frames in samples."""
        return round(self.sample_rate_hz * self.hop_ms / 1000)

    @property
    def row_ms(self) -> float:
        """Time from one row of features to the next."""
        return self.hop_ms

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

    MOST: ClassVar = {
        "channels": 4_096,
        "kernel_frames": 1_000,
        "kernel_bins": 1_000,
        "stride_frames": 64,
        "stride_bins": 64,
    }

    channels: int = 32
    kernel_frames: int = 11
    kernel_bins: int = 41
    stride_frames: int = 2
    stride_bins: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "channels", "kernel_frames", "kernel_bins", "stride_frames", "stride_bins")


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Settings):
    """DeepSpeech2 (Amodei et al. 2015, arXiv 1512.02595): convolutions, recurrent layers, a dense layer, CTC."""

    MOST: ClassVar = {
        "rnn_layers": 64,
        "rnn_units": 16_384,
        "bottleneck_units": 16_384,
        "lookahead_steps": 1_000,
        "dense_units": 65_536,
    }

    conv_layers: tuple[ConvLayer, ...] = (
        ConvLayer(channels=32, kernel_frames=11, kernel_bins=21, stride_frames=2, stride_bins=2),
        ConvLayer(channels=32, kernel_frames=11, kernel_bins=11, stride_frames=2, stride_bins=2),
    )
    rnn_type: str = "gru"
    rnn_layers: int = 3
    rnn_units: int = 256
    bidirectional: bool = True
    bottleneck_units: int = 0  # linear ones before each recurrent layer, so that its kernel is small; 0: none
    lookahead_steps: int = 0  # row convolution after the last recurrent layer, for unidirectional models
    dense_units: int = 0  # 0: no dense layer before the output
    normalization: str = "layer"  # of the recurrent layers' input; "batch" is the paper's sequence-wise one
    dropout: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            1 <= len(self.conv_layers) <= 3,
            f"conv_layers must have 1 to 3 entries, not {len(self.conv_layers)}",
        )
        one_of("rnn_type", self.rnn_type, ("gru", "lstm", "rnn"))
        one_of("normalization", self.normalization, ("batch", "layer"))
        positive(self, "rnn_layers", "rnn_units")
        not_negative(self, "bottleneck_units", "dense_units", "lookahead_steps")
        require(
            not (self.bidirectional and self.lookahead_steps),
            "lookahead_steps is for unidirectional models; set bidirectional = false or lookahead_steps = 0",
        )
        require(0.0 <= self.dropout < 1.0, f"dropout must lie in [0, 1), not {self.dropout!r}")

    @property
    def stride_frames(self) -> int:
        """Input frames per output step."""
        return math.prod(layer.stride_frames for layer in self.conv_layers)


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig(Settings):
    """Changes made to the training audio and features, drawn anew every epoch.

    What happens to a waveform happens in the order of sound: speed, room, noise, clipping, codec, gain.
    """

    MOST: ClassVar = {
        "gain_db": 200,
        "time_masks": 1_000,
        "frequency_masks": 1_000,
    }
    # other names in these lists are folders of recordings
    FORMULAS: ClassVar = {"noises": ("colored", "white", "babble"), "rooms": ("shoebox",)}

    speeds: tuple[float, ...] = (0.9, 1.0, 1.1)  # resampling factors, one drawn for each utterance
    gain_db: float = 6.0  # uniform in +- this; matters only where noise is added
    noise_probability: float = 0.0
    noise_snr_db: tuple[float, ...] = (10.0, 30.0)  # lowest and highest signal-to-noise ratio
    noises: tuple[str, ...] = (
        "colored",
    )  # one drawn each time: "colored" (white to brown), "white", "babble", folders
    room_probability: float = 0.0
    room_rt60_s: tuple[float, ...] = (0.2, 0.7)  # reverberation time of computed rooms
    rooms: tuple[str, ...] = ("shoebox",)  # one drawn each time: "shoebox" (computed), folders of measured responses
    clip_probability: float = 0.0
    clip_db: tuple[float, ...] = (3.0, 15.0)  # how far the loudest sample lies above what is cut off
    codec_probability: float = 0.0
    codecs: tuple[str, ...] = ("telephone", "mp3-16k", "opus-8k")  # one drawn each time; names tell kbit/s
    time_masks: int = 2  # SpecAugment (Park et al. 2019, arXiv 1904.08779)
    time_mask_frames: int = 20
    time_mask_share: float = 0.2  # no time mask covers more than this share of an utterance
    frequency_masks: int = 2
    frequency_mask_bins: int = 15

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.speeds) > 0 and all(0.5 <= s <= 2 for s in self.speeds), "speeds must lie in [0.5, 2]")
        fraction(
            self, "noise_probability", "room_probability", "clip_probability", "codec_probability", "time_mask_share"
        )
        span(self, "noise_snr_db", -200.0, 200.0)
        span(self, "room_rt60_s", 0.05, 3.0)
        span(self, "clip_db", 0.0, 60.0)
        for name in ("noises", "rooms", "codecs"):
            require(all(getattr(self, name)) and len(getattr(self, name)) > 0, f"{name} must name at least one")
        for codec in self.codecs:
            codec_name("codecs", codec)
        not_negative(self, "time_masks", "time_mask_frames", "frequency_masks", "frequency_mask_bins", "gain_db")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Settings):
    """One training run."""

    # of seeds: NumPy takes no larger ones
    MOST: ClassVar = {"batch_size": 1_000_000, "devices": 4_096, "learning_rate": 1_000, "seed": 2**32 - 1}

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
    stop_when_failing: bool = True  # stop, with advice, a run that diverges or answers nothing but blanks
    precision: str = "float32"  # or "mixed_float16", "mixed_bfloat16"
    devices: int = 1  # of this host that share each batch; 0: all GPUs
    seed: int = 1
    auxiliary_units: str = ""  # a second loss half-way up: "characters", "subwords" or "phonemes"; "": none
    auxiliary_weight: float = 0.3  # its share of the loss
    start_from: str | None = None  # bundle, or model in the box, to begin with; relative to the file that names it
    dev_samples: int = 3  # sample predictions shown after each epoch
    tensorboard: bool = False  # write event files into the run's folder
    min_seconds: float = 0.1
    max_seconds: float = 30.0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "epochs", "batch_size", "batch_frames", "learning_rate", "clip_norm", "max_seconds")
        not_negative(self, "warmup_steps", "weight_decay", "patience", "dev_samples", "min_seconds", "devices", "seed")
        fraction(self, "final_learning_rate_share", "auxiliary_weight")
        one_of("auxiliary_units", self.auxiliary_units, ("", "characters", "subwords", "phonemes"))
        require(0.0 <= self.ema_momentum < 1.0, f"ema_momentum must lie in [0, 1), not {self.ema_momentum!r}")
        one_of("precision", self.precision, ("float32", "mixed_float16", "mixed_bfloat16"))


AUTO_ALPHABET = "auto"  # finds the letters in the texts


@dataclass(frozen=True, kw_only=True)
class DataConfig(Settings):
    """Where the speech is. Paths are relative to the file that names them."""

    train: str | None = None  # a manifest, an LJSpeech folder, a LibriSpeech tree
    dev: str | None = None
    audio_root: str | None = None  # base of relative audio paths; default: the manifest's folder
    alphabet: str = " abcdefghijklmnopqrstuvwxyz'"  # or "auto": the letters of the training texts
    units: str = "characters"  # what the network writes; or "subwords", "phonemes"
    subwords: int = 0  # pieces of words; 0: as many as the training text can teach
    lexicon: str | None = None  # how words are said, for phonemes: CMUdict's format, or word<TAB>phonemes
    pronunciations: str = "first"  # of words said in several ways; or "drawn", anew each epoch
    unknown_words: str = "refuse"  # utterances with words outside the lexicon; or "pronounce" them like its words
    # That of the run or bundle this one goes on with, else "standard", or "basic" where the alphabet is not English.
    normalizer: str = "auto"
    language: str = "en"  # of the texts: a code such as de, in which numbers are spelled
    dev_share: float = 0.05  # split off from train when no dev set is named, by speaker where known

    def __post_init__(self) -> None:
        super().__post_init__()
        normalizer_name(self.normalizer)
        one_of("units", self.units, ("characters", "subwords", "phonemes"))
        one_of("pronunciations", self.pronunciations, ("first", "drawn"))
        one_of("unknown_words", self.unknown_words, ("refuse", "pronounce"))
        not_negative(self, "subwords")
        require(0.0 < self.dev_share < 1.0, f"dev_share must lie between 0 and 1, not {self.dev_share!r}")
