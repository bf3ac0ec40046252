"""Settings of models that were made elsewhere: how they hear, and how their graphs are fed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from asrkit.config.learning import FeatureConfig
from asrkit.config.settings import Settings, fraction, not_negative, one_of, positive, require
from asrkit.errors import ConfigError

WAVEFORM, NEMO, KALDI = "waveform", "nemo", "kaldi"


@dataclass(frozen=True, kw_only=True)
class ForeignFeatures(FeatureConfig):
    """Waveform to frames as another toolkit computes them.

    ``waveform`` hands the samples on; ``nemo`` is NVIDIA NeMo's log-mel spectrogram, that of Hugging Face's Parakeet
    too; ``kaldi`` is Kaldi's filter bank, that of icefall, WeNet, FunASR and torchaudio.
    """

    KINDS: ClassVar = (WAVEFORM, NEMO, KALDI)
    MOST: ClassVar = {**FeatureConfig.MOST, "stack": 100, "stack_step": 100, "scale": 1e6}

    kind: str = WAVEFORM
    low_hz: float = 0.0
    high_hz: float = 8_000.0
    scale: float = 1.0  # of the samples: 32768 where a model was trained on 16-bit numbers
    normalize: str = "none"  # or "utterance": mean 0 and variance 1, of each bin where there are bins
    epsilon: float = 1e-7  # beside the variance of samples or of Kaldi's bins
    window: str = "povey"  # of Kaldi: or "hamming", "hann"
    snip_edges: bool = False  # of Kaldi: only frames that lie in the recording as a whole
    stack: int = 1  # frames that are put side by side
    stack_step: int = 1  # frames between two such stacks
    mean: tuple[float, ...] = ()  # taken from each value of a frame, before stacking or after it, as its length fits
    deviation: tuple[float, ...] = ()  # by which it is divided then

    def __post_init__(self) -> None:
        Settings.__post_init__(self)  # before what follows takes the place of a number
        if self.kind == WAVEFORM and 0 < self.sample_rate_hz <= self.MOST["sample_rate_hz"]:
            object.__setattr__(self, "hop_ms", 1000 / self.sample_rate_hz)  # a frame is a sample
            object.__setattr__(self, "high_hz", self.sample_rate_hz / 2)
        super().__post_init__()
        one_of("normalize", self.normalize, ("none", "utterance"))
        one_of("window", self.window, ("povey", "hamming", "hann"))
        one_of("silence", self.silence, ("counted",))
        positive(self, "scale", "stack", "stack_step")
        fraction(self, "epsilon")
        require(self.kind != WAVEFORM or (self.stack, self.mean) == (1, ()), "samples are neither stacked nor centered")
        require(self.stack_step <= self.stack, "stack_step must not leave frames out between two stacks")
        require(
            len(self.mean) == len(self.deviation) and len(self.mean) in (0, self.mel_bins, self.num_bins),
            f"mean and deviation must have {self.mel_bins} or {self.num_bins} values, a value for each of a frame's, "
            f"not {len(self.mean)} and {len(self.deviation)}",
        )
        require(0.0 not in self.deviation, "a deviation must not be 0")

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, those that are as usual left out."""
        usual = Settings.to_dict(ForeignFeatures(kind=self.kind))
        values = Settings.to_dict(self)
        return {name: value for name, value in values.items() if name == "kind" or value != usual[name]}

    @property
    def num_bins(self) -> int:
        """Values per frame."""
        return 1 if self.kind == WAVEFORM else self.mel_bins * self.stack

    @property
    def row_ms(self) -> float:
        """Time from one row of features, a stack of frames maybe, to the next."""
        return self.hop_ms * self.stack_step


# What is usual where a front end is named; ``kaldi`` alone is as icefall computes it.
FRONT_ENDS: Mapping[str, Mapping[str, Any]] = {
    "asrkit": {"kind": "log_mel", "silence": "ignored"},
    "waveform": {"kind": WAVEFORM},
    "wav2vec2": {"kind": WAVEFORM, "normalize": "utterance"},
    "nemo80": {"kind": NEMO, "mel_bins": 80, "normalize": "utterance"},
    "nemo128": {"kind": NEMO, "mel_bins": 128, "normalize": "utterance"},
    "kaldi": {"kind": KALDI, "low_hz": 20.0, "high_hz": 7_600.0},
    "wenet": {"kind": KALDI, "low_hz": 20.0, "scale": 32_768.0, "snip_edges": True},
    "funasr": {
        "kind": KALDI,
        "low_hz": 20.0,
        "scale": 32_768.0,
        "snip_edges": True,
        "window": "hamming",
        "stack": 7,
        "stack_step": 6,
    },
    "wav2vec2-bert": {
        "kind": KALDI,
        "low_hz": 20.0,
        "scale": 32_768.0,
        "snip_edges": True,
        "normalize": "utterance",
        "stack": 2,
        "stack_step": 2,
    },
}


def front_end_named(name: str, settings: Mapping[str, Any]) -> FeatureConfig:
    """Return the front end of a name.

    Args:
        name: One of ``FRONT_ENDS``.
        settings: What differs from what is usual there.

    Raises:
        ConfigError: There is none, or a setting does not exist or is out of range.
    """
    if name not in FRONT_ENDS:
        raise ConfigError(f"there is no front end {name!r}; known: {', '.join(FRONT_ENDS)}")
    return read_features({**FRONT_ENDS[name], **settings}, where=f"front end {name}")


def read_features(values: Mapping[str, Any], *, where: str = "") -> FeatureConfig:
    """Return features of plain values, of ours or of another toolkit, as their kind says.

    Raises:
        ConfigError: A setting does not exist or is out of range.
    """
    kind = FeatureConfig if values.get("kind", FeatureConfig.kind) in FeatureConfig.KINDS else ForeignFeatures
    return kind.from_dict(values, where=where)


@dataclass(frozen=True, kw_only=True)
class GraphConfig(Settings):
    """What an ONNX graph takes, what it gives, and what was measured of it."""

    MOST: ClassVar = {"stride_frames": 1_000_000, "drop_steps": 1_000, "longest_s": 1e6}

    input: str = "features"
    layout: str = "time-bins"  # or "bins-time", or "waveform": (batch, samples)
    lengths: str = ""  # the input that tells the frames of each utterance
    lengths_kind: str = "frames"  # or "mask": 1 for each frame of an utterance; or "share": of the longest
    constants: tuple[str, ...] = ()  # other inputs, as "language=0"
    output: str = "log_probs"
    output_lengths: str = ""  # the output that tells the steps of each utterance
    values: str = "log-probabilities"  # or "probabilities", "logits"
    stride_frames: int = 1  # frames from step to step
    offset_frames: int | None = None  # steps = (frames + this) // stride_frames; None: no such rule was found
    drop_steps: int = 0  # at the start, which carry tags and no text
    batching: str = "padded"  # or "equal": only equal lengths share a batch; or "alone"
    longest_s: float | None = None  # of input that was tried; None: any

    def __post_init__(self) -> None:
        super().__post_init__()
        require(bool(self.input and self.output), "a graph has an input and an output, each with a name")
        one_of("layout", self.layout, ("time-bins", "bins-time", "waveform"))
        one_of("lengths_kind", self.lengths_kind, ("frames", "mask", "share"))
        one_of("values", self.values, ("log-probabilities", "probabilities", "logits"))
        one_of("batching", self.batching, ("padded", "equal", "alone"))
        positive(self, "stride_frames", "longest_s")
        not_negative(self, "drop_steps")
        _ = self.constant_values  # they can be read

    @property
    def constant_values(self) -> dict[str, int]:
        """The other inputs with their values."""
        values = {}
        for constant in self.constants:
            name, _, number = constant.rpartition("=")
            require(bool(name) and number.lstrip("-").isdecimal(), f"{constant!r} is not an input and a whole number")
            values[name] = int(number)
        return values

    def num_steps(self, frames: int) -> int | None:
        """Return how many steps so many frames have; None: only the graph knows."""
        return None if self.offset_frames is None else max(0, (frames + self.offset_frames) // self.stride_frames)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, without those that say nothing."""
        unset = {field.name: field.default for field in fields(self)}
        always = ("input", "output")
        values = super().to_dict().items()
        return {name: value for name, value in values if name in always or value not in (unset[name], [])}


OWN_GRAPH = GraphConfig(lengths="frames", output_lengths="steps")
"""The graphs that ``train`` and ``model export`` write."""
