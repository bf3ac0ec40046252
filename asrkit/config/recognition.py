"""Settings of decoding, transcription and scoring."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from asrkit.config.settings import Settings, fraction, normalizer_name, not_negative, one_of, positive, require, whole

# Beam and symbol threshold in nats, with a language model or hotwords and without: then nothing raises what the
# emissions find unlikely.
GUIDED_THRESHOLDS = {"fast": (10.0, 4.5), "accurate": (12.0, 7.0), "thorough": (16.0, 10.0)}
UNGUIDED_THRESHOLDS = {"fast": (3.0, 3.0), "accurate": (4.0, 4.0), "thorough": (10.0, 5.0)}
LEXICON_MARGIN = 3.0  # phonemes sound more alike than letters do: less likely ones are tried, too
MOST_WEIGHT = 1000.0  # of any weight or bonus: far beyond use, and far within the range of a float

# Nats paid at once: the search keeps masses as 32-bit numbers, and beyond some 88 nats the best text would get lost.
MOST_BONUS = 50.0  # per word, and per hotword
MOST_HOTWORD_PAY = 20.0  # per letter of a hotword; nothing that emissions say stands against it


@dataclass(frozen=True, kw_only=True)
class DecodingConfig(Settings):
    """Emissions to text. Scores are natural logarithms, higher is better.

    A hypothesis scores ``acoustic + lm_weight * lm + word_bonus * words + hotwords`` (lm_weight and word_bonus are
    alpha and beta of the DeepSpeech2 paper). With a language model and ``prior_scale``, the acoustic score is of the
    emissions divided by the symbols' priors to that power, each step summing to one again.
    """

    MOST: ClassVar = {"beam": 1_000_000, "n_best": 1_000_000, "hotword_weight": MOST_WEIGHT}

    decoder: str = "beam"  # or "greedy", "pyctcdecode"
    mode: str = "accurate"  # or "fast", "thorough": what the two thresholds are unless they are set
    beam: int = 50  # prefixes kept after each step, at most
    beam_threshold: float | None = None  # nats below the best at which a prefix is dropped; see thresholds
    symbol_threshold: float | None = None  # symbols less likely than exp(-this) are not tried; see thresholds
    lm_weight: float = 0.7
    word_bonus: float = 1.5  # nats per word; counts only with a language model
    lm_units: str = "auto"  # what its words are: "words", "characters", "tokens" or "token-ids" (NeMo's)
    lm_case: str = "auto"  # "exact", or "fold": it is asked without regard to case; auto: fold where cases differ
    # "open": any word, or with a lexicon its own; "spelled": with a lexicon, too, any that the outputs can spell, which
    # costs what unknown words do, even without a language model; "closed": only words of the language model
    vocabulary: str = "open"
    prior_scale: float = 0.0  # power of the priors that emissions are divided by; counts only with a language model
    log_priors: tuple[float, ...] = ()  # ln of each output's mean probability, in their order; asrkit lm tune finds it
    unknown_weight: float = 0.6  # times ln P(spelling) of a word outside the vocabulary, within the lm score
    unknown_bonus: float = 0.0  # nats per word outside the vocabulary, within the lm score
    max_unspelled: float = 0.5  # share of a language model's words, by probability, that may be beyond the symbols
    recombine: bool = True  # at a word start, go on with the best of the histories that nothing to come tells apart
    hotwords: tuple[str, ...] = ()  # words and phrases to prefer; "new york=9" has a weight of its own
    hotword_weight: float = (
        6.0  # nats that each occurrence of a hotword adds, 20 a letter and 50 at most; negative: avoid them
    )
    n_best: int = 1  # hypotheses returned, at most

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("decoder", self.decoder, ("beam", "greedy", "pyctcdecode"))
        one_of("mode", self.mode, tuple(GUIDED_THRESHOLDS))
        one_of("lm_units", self.lm_units, ("auto", "words", "characters", "tokens", "token-ids"))
        one_of("lm_case", self.lm_case, ("auto", "exact", "fold"))
        one_of("vocabulary", self.vocabulary, ("open", "closed", "spelled"))
        whole(self, "beam", "n_best")
        positive(self, "beam", "n_best", "symbol_threshold")
        fraction(self, "max_unspelled")
        for name, most in (("lm_weight", MOST_WEIGHT), ("unknown_weight", MOST_WEIGHT), ("prior_scale", 10.0)):
            value = getattr(self, name)
            require(0.0 <= value <= most, f"{name} must lie between 0 and {most:g}, not {value!r}")
        for name, value in (
            ("word_bonus", self.word_bonus),
            ("lm_weight times unknown_bonus", self.lm_weight * self.unknown_bonus),
        ):
            require(-1000.0 <= value <= MOST_BONUS, f"{name} must lie in [-1000, {MOST_BONUS:g}] nats, not {value:g}")
        _ = self.hotword_weights  # each can be read
        require(
            all(-100.0 <= prior <= 0.0 for prior in self.log_priors),
            "log_priors must be natural logarithms of probabilities, from -100 to 0",
        )
        # Masses are 32-bit numbers relative to the best: beyond 80 nats they would vanish anyway.
        require(
            self.beam_threshold is None or 0.0 < self.beam_threshold <= 80.0,
            f"beam_threshold must lie in (0, 80], not {self.beam_threshold!r}",
        )

    @property
    def hotword_weights(self) -> dict[str, float]:
        """The hotwords with their weights in nats."""
        weights = {}
        for hotword in self.hotwords:
            phrase, equals, number = hotword.rpartition("=")
            weights[phrase if equals else hotword] = _weight_of(hotword, number) if equals else self.hotword_weight
        return weights

    def thresholds(self, *, is_guided: bool, has_lexicon: bool = False) -> tuple[float, float]:
        """Return the beam and the symbol threshold in nats: those set, else those of the mode.

        Args:
            is_guided: Whether a language model or hotwords may raise what the emissions find unlikely.
            has_lexicon: Whether words are those of a lexicon; that guides, too.
        """
        beam, symbol = (GUIDED_THRESHOLDS if is_guided or has_lexicon else UNGUIDED_THRESHOLDS)[self.mode]
        symbol += LEXICON_MARGIN if has_lexicon else 0.0
        return (
            beam if self.beam_threshold is None else self.beam_threshold,
            symbol if self.symbol_threshold is None else self.symbol_threshold,
        )


def _weight_of(hotword: str, number: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    require(
        abs(weight) <= MOST_WEIGHT,
        f"hotword {hotword!r} needs a number after the equals sign, within {MOST_WEIGHT:g} of 0, such as 'new york=9'",
    )
    return weight


DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, kw_only=True)
class TranscriptionConfig(Settings):
    """A batch transcription: what to read, how to spread the work, what to write."""

    MOST: ClassVar = {"raw_rate_hz": 1_000_000, "jobs": 10_000, "threads": 512, "batch_size": 1_000_000}

    recursive: bool = True
    include: tuple[str, ...] = ()  # patterns of names to take from folders; default: every audio suffix
    exclude: tuple[str, ...] = ()
    channels: str = "mix"  # or "split": one transcript per channel
    raw_rate_hz: int | None = None  # of .raw and .pcm files: 16-bit little-endian mono samples
    runner: str = "local"  # or "ray"
    ray_address: str | None = None  # of a running cluster; default: Ray on this machine, for this run
    jobs: int = 0  # batches worked on at once; 0: one per core
    threads: int = 1  # of the network inside one batch; more helps only where jobs cannot fill the cores
    device: str = "auto"  # of the network: "cpu", "cuda", or auto: a GPU if onnxruntime can use one
    batch_seconds: float = 160.0  # padded audio per batch at most: bounds memory
    batch_size: int = 64  # recordings per batch at most
    window_s: float = 30.0  # longer recordings are read in windows of this length
    overlap_s: float = 6.0  # what neighboring windows share; they are joined inside it
    salvage: bool = False  # keep what can be read of damaged recordings, and list them as failures all the same
    audio_track: int | None = None  # of videos, from 0; default: the one marked as default, else the first
    vad: bool = False  # leave out long stretches without speech, and recordings without any
    shard: str | None = None  # "2/4": the second of four parts, for processes that share an output folder
    format: tuple[str, ...] = ("txt",)  # files written per recording
    # Subtitles as broadcasters set them (BBC and Netflix guidelines).
    subtitle_width: int = 42  # characters in a line at most, but for a word that is longer
    subtitle_lines: int = 2  # in one subtitle at most
    subtitle_min_s: float = 1.0  # how long one stays at least, if the next one lets it
    subtitle_max_s: float = 6.0  # and at most

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("channels", self.channels, ("mix", "split"))
        one_of("runner", self.runner, ("local", "ray"))
        one_of("device", self.device, DEVICES)
        not_negative(self, "audio_track", "jobs")
        positive(self, "raw_rate_hz", "threads", "batch_seconds", "batch_size", "window_s")
        positive(self, "subtitle_width", "subtitle_lines")
        require(
            self.window_s < math.inf, "window_s must be finite; recordings are read in windows, so that memory holds"
        )
        require(
            0.0 < self.subtitle_min_s <= self.subtitle_max_s < math.inf,
            "subtitle_min_s must be positive and at most subtitle_max_s, "
            f"not {self.subtitle_min_s} of {self.subtitle_max_s}",
        )
        require(
            0 < self.overlap_s <= self.window_s / 2,
            f"overlap_s must be positive and at most half of window_s, not {self.overlap_s} of {self.window_s}",
        )
        for name in self.format:
            one_of("format", name, TRANSCRIPT_FORMATS)
        require(len(self.format) > 0, "format names no format; give at least one, such as txt")
        _ = self.shard_of  # it can be read

    @property
    def shard_of(self) -> tuple[int, int] | None:
        """Which part of how many this run is, from 1; None: it is the whole."""
        if self.shard is None:
            return None
        number, slash, count = self.shard.partition("/")
        is_one = slash and all(part.isascii() and part.isdigit() and len(part) < 6 for part in (number, count))
        require(
            bool(is_one) and 1 <= int(number) <= int(count),
            f"shard must be a part and how many there are, such as 2/4, not {self.shard!r}",
        )
        return int(number), int(count)


TRANSCRIPT_FORMATS = ("txt", "json", "jsonl", "srt", "vtt", "tsv", "ctm", "textgrid")


@dataclass(frozen=True, kw_only=True)
class ScoringConfig(Settings):
    """Hypotheses against references."""

    MOST: ClassVar = {"resamples": 10_000_000, "seed": 2**63 - 1}

    normalizer: str = "auto"  # that of the model behind the hypotheses, else "standard"; or "none", "basic", ...
    language: str = "auto"  # of the texts: that of the model behind the hypotheses, else "en"; de, ...; or "column"
    map: str | None = None  # a file of replacements for both sides: lines such as colour => color
    unit: str = "auto"  # "word", or "mixed" where text has no spaces: a character of Han, Kana, Thai, or a word
    weights: str = "unit"  # or "nist": the alignment of NIST's sclite
    engine: str = "native"  # or "jiwer": let jiwer itself count
    missing: str = "error"  # or "deletions": a reference without a hypothesis is all deleted
    extra: str = "error"  # or "ignore": a hypothesis without a reference is passed over, and counted
    hyp_format: str = "auto"  # of the hypotheses, where the two sides differ
    ref_format: str = "auto"
    hyp_field: str = ""  # of tables and JSON: the field that holds the text; "" chooses by name
    ref_field: str = ""
    notation: str = "nist"  # optional words and alternatives in trn, stm and ctm; or "none"
    characters: str = "char"  # what a CER counts; or "char-nospace", "grapheme"
    resamples: int = 1_000  # random draws behind tests and probabilities; 0: no interval either
    confidence: float = 0.95  # of the interval
    seed: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        normalizer_name(self.normalizer)
        one_of("unit", self.unit, ("auto", "word", "mixed"))
        one_of("weights", self.weights, ("unit", "nist"))
        one_of("engine", self.engine, ("native", "jiwer"))
        one_of("missing", self.missing, ("error", "deletions"))
        one_of("extra", self.extra, ("error", "ignore"))
        one_of("notation", self.notation, ("nist", "none"))
        one_of("characters", self.characters, ("char", "char-nospace", "grapheme"))
        not_negative(self, "resamples")
        require(0.0 < self.confidence < 1.0, f"confidence must lie between 0 and 1, not {self.confidence!r}")
        require(
            self.engine != "jiwer" or self.weights == "unit",
            "engine jiwer has weights of its own; use weights unit with it",
        )
