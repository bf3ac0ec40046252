from __future__ import annotations

import dataclasses
import inspect
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit import config
from asrkit.config import (
    AugmentationConfig,
    ConvLayer,
    DataConfig,
    DecodingConfig,
    FeatureConfig,
    ModelConfig,
    RunConfig,
    Settings,
    TrainingConfig,
    TranscriptionConfig,
    cache_folder,
    read_toml,
)
from asrkit.errors import ConfigError, MissingPathError

ALL = [c for _, c in inspect.getmembers(config, inspect.isclass) if issubclass(c, Settings) and c is not Settings]
# what a dev set taught has no defaults
LEARNED: dict[str, Any] = {
    "lm": "1a",
    "lm_weight": 0.7,
    "word_bonus": 1.0,
    "prior_scale": 0.0,
    "unknown_weight": 0.5,
    "unknown_bonus": 0.0,
    "beam": 50,
    "mode": "fast",
    "weights": (0.1, 0.2, 0.3, 0.4, 0.5),
    "deletions": 0.2,
    "insertions": 0.1,
    "spread": 0.2,
    "clumping": 1.5,
    "error": 0.02,
    "num_words": 900,
}


def example(settings: type[Settings]) -> dict[str, Any]:
    """Return the values that a kind of settings cannot be made without."""
    return LEARNED if settings is config.Calibration else {}


@pytest.mark.parametrize("settings", ALL)
def test_settings_are_frozen_and_keyword_only(settings: type[Settings]) -> None:
    value = settings(**example(settings))
    with pytest.raises(TypeError):
        settings(1)  # type: ignore[call-arg]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", ALL)
def test_defaults_survive_json(settings: type[Settings]) -> None:
    value = settings(**example(settings))
    plain = json.loads(json.dumps(value.to_dict()))
    assert settings.from_dict(plain) == value


@pytest.mark.parametrize("field", LEARNED)
def test_what_has_no_default_is_asked_for(field: str) -> None:
    values = {name: value for name, value in LEARNED.items() if name != field}
    with pytest.raises(ConfigError, match=f"^bundle.json: {field} is missing$"):
        config.Calibration.from_dict(values, where="bundle.json")


@given(
    window_ms=st.floats(5, 60),
    mel_bins=st.integers(1, 200),
    kind=st.sampled_from(["log_mel", "linear"]),
    silence=st.sampled_from(["counted", "ignored"]),
)
def test_settings_survive_json(window_ms: float, mel_bins: int, kind: str, silence: str) -> None:
    run = RunConfig(
        features=FeatureConfig(window_ms=window_ms, mel_bins=mel_bins, kind=kind, silence=silence),
        model=ModelConfig(conv_layers=(ConvLayer(channels=3), ConvLayer(stride_bins=1))),
        training=TrainingConfig(augmentation=AugmentationConfig(speeds=(0.8, 1.25))),
        data=DataConfig(train="train.tsv"),
    )
    assert RunConfig.from_dict(json.loads(json.dumps(run.to_dict()))) == run


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"beem": 5}, "unknown setting 'beem'; did you mean 'beam'?"),
        ({"lm_wieght": 0.5}, "unknown setting 'lm_wieght'; did you mean 'lm_weight'?"),
        ({"beam": "five"}, "beam must be of type int, not 'five'"),
        ({"beam": 5.0}, "beam must be of type int, not 5.0"),
        ({"beam": True}, "beam must be of type int, not True"),
        ({"beam": 0}, "beam must be positive, not 0"),
        ({"decoder": "viterbi"}, "decoder must be one of beam, greedy, pyctcdecode, not 'viterbi'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_source(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"asrkit.toml: {message}")):
        DecodingConfig.from_dict(values, where="asrkit.toml")


def test_a_setting_unlike_all_others_gets_the_list() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'zzz'; known: .*mel_bins"):
        FeatureConfig.from_dict({"zzz": 1})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": 3}, "model must be a table, not 3"),
        ({"batch_size": 3}, "unknown setting 'batch_size'; did you mean 'training.batch_size'?"),
        ({"model": {"conv_layers": {}}}, "model: conv_layers must be a list"),
        ({"model": {"conv_layers": [{"channel": 3}]}}, "model: conv_layers[0]: unknown setting 'channel'"),
        ({"training": {"augmentation": {"speeds": [0.1]}}}, "speeds must lie in [0.5, 2]"),
        ({"features": {"high_hz": 9000}}, "low_hz and high_hz must satisfy"),
        ({"data": {"dev_share": 1}}, "dev_share must lie between 0 and 1"),
    ],
)
def test_nested_settings_say_where(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        RunConfig.from_dict(values)


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        (FeatureConfig, "kind", "mfcc"),
        (FeatureConfig, "sample_rate_hz", 0),
        (FeatureConfig, "hop_ms", -1.0),
        (FeatureConfig, "low_hz", 8000.0),
        (ConvLayer, "stride_frames", 0),
        (ModelConfig, "conv_layers", ()),
        (ModelConfig, "rnn_type", "transformer"),
        (ModelConfig, "rnn_layers", 0),
        (ModelConfig, "dropout", 1.0),
        (ModelConfig, "lookahead_steps", 5),  # the default model is bidirectional
        (TrainingConfig, "epochs", 0),
        (TrainingConfig, "precision", "float8"),
        (TrainingConfig, "patience", -1),
        (TrainingConfig, "seed", -1),
        (TrainingConfig, "seed", 2**32),
        (TrainingConfig, "ema_momentum", 1.0),
        (AugmentationConfig, "noise_snr_db", (10.0,)),
        (AugmentationConfig, "noise_snr_db", (30.0, 10.0)),
        (AugmentationConfig, "noise_snr_db", (float("nan"), 10.0)),
        (AugmentationConfig, "time_mask_share", 1.5),
        (AugmentationConfig, "room_probability", -0.1),
        (AugmentationConfig, "room_rt60_s", (0.5, 0.2)),
        (AugmentationConfig, "room_rt60_s", (0.0, 0.2)),
        (AugmentationConfig, "clip_db", (3.0,)),
        (AugmentationConfig, "noises", ()),
        (AugmentationConfig, "rooms", ("",)),
        (AugmentationConfig, "codecs", ("mp3",)),
        (AugmentationConfig, "codecs", ("telephone", "opus-5k")),
        (AugmentationConfig, "codecs", ("gsm-8k",)),
        (DecodingConfig, "beam", -1),
        (DataConfig, "dev_share", 0.0),
    ],
)
def test_values_out_of_range_are_refused_in_code_too(settings: type[Settings], field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=field):
        settings(**{field: value})


def test_a_whole_number_serves_as_a_fraction_and_null_as_not_set() -> None:
    assert FeatureConfig.from_dict({"window_ms": 25}).window_ms == 25.0
    assert DataConfig.from_dict({"train": None}).train is None


def test_replace_checks_too() -> None:
    assert DecodingConfig().replace(beam=3).beam == 3
    with pytest.raises(ConfigError):
        DecodingConfig().replace(beam=0)


@pytest.mark.parametrize(
    ("config", "window", "hop", "fft", "bins"),
    [
        (FeatureConfig(), 400, 160, 512, 80),
        (FeatureConfig(kind="linear", window_ms=20), 320, 160, 512, 161),  # the paper's 161 bins
        (FeatureConfig(sample_rate_hz=8000, high_hz=4000, window_ms=32), 256, 80, 256, 80),
    ],
)
def test_derived_sizes(config: FeatureConfig, window: int, hop: int, fft: int, bins: int) -> None:
    assert (config.window_samples, config.hop_samples, config.fft_size, config.num_bins) == (window, hop, fft, bins)


def test_strides_multiply() -> None:
    layers = tuple(ConvLayer(stride_frames=stride) for stride in (2, 1, 3))
    assert ModelConfig(conv_layers=layers).stride_frames == 6


NUMBERS = [
    (settings, field.name)
    for settings in ALL
    for field in dataclasses.fields(settings)
    if {"int", "float"} & set(re.findall(r"\w+", str(field.type)))
]


@pytest.mark.parametrize("value", [math.nan, -math.inf, 10**30, -(10**30), 10**400])
@pytest.mark.parametrize(("settings", "field"), NUMBERS)
def test_no_number_of_any_settings_may_be_absurd(settings: type[Settings], field: str, value: float) -> None:
    """They come with files of strangers, too: what they would ask of memory and time has an end."""
    others = example(settings)
    is_list = isinstance(getattr(settings(**others), field), tuple)
    with pytest.raises(ConfigError, match=field) as caught:
        settings(**{**others, field: (value, value) if is_list else value})
    assert len(str(caught.value)) < 200
    if isinstance(value, int):
        with pytest.raises(ConfigError, match=field):
            settings.from_dict({**others, field: [value, value] if is_list else value})


@pytest.mark.parametrize(
    "values",
    [
        {"hop_ms": 1e-9},
        {"window_ms": 1e-9},
        {"sample_rate_hz": 1},
        {"sample_rate_hz": 1_000_000, "window_ms": 1_000.0, "high_hz": 8_000.0},
        {"mel_bins": 10**6},
    ],
)
def test_features_have_samples_to_see_and_not_too_many(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        FeatureConfig(**values)


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        (FeatureConfig, "sample_rate_hz", 10**9),
        (FeatureConfig, "mel_bins", 10**6),
        (FeatureConfig, "hop_ms", math.inf),
        (ConvLayer, "stride_frames", 10**9),
        (ConvLayer, "channels", 10**9),
        (ModelConfig, "rnn_layers", 10**9),
        (ModelConfig, "rnn_units", 10**9),
        (ModelConfig, "dense_units", 10**9),
        (ModelConfig, "bottleneck_units", 10**9),
    ],
)
def test_no_network_of_a_stranger_takes_the_machine(settings: type[Settings], field: str, value: float) -> None:
    """What a bundle says of itself is computed with before its weights are looked at."""
    with pytest.raises(ConfigError, match=rf"^{field} must lie within [\d,]+ of 0, not"):
        settings.from_dict({field: value})


def test_toml_is_read_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig"):
        path = tmp_path / f"{encoding}.toml"
        path.write_text('[data]\nalphabet = " äb"\n', encoding=encoding)
        assert RunConfig.from_dict(read_toml(path)).data.alphabet == " äb"


@pytest.mark.parametrize(
    "content", [b"[data\n", b"a = 1\na = 2\n", b"\xff\xfe\x00", b"a = " + b"[" * 3000, b"a = " + b"9" * 5000]
)
def test_what_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "asrkit.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(f"{path}: not valid TOML")):
        read_toml(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingPathError, match="no such file") as caught:
        read_toml(tmp_path / "none.toml")
    assert caught.value.path == tmp_path / "none.toml"


def test_hotwords_may_have_weights_of_their_own() -> None:
    config = DecodingConfig(hotwords=("ann", "new york=9", "bad=-2.5"), hotword_weight=4.0)
    assert config.hotword_weights == {"ann": 4.0, "new york": 9.0, "bad": -2.5}
    for wrong in ("ann=", "ann=much", "ann=nan"):
        with pytest.raises(ConfigError, match="needs a number"):
            DecodingConfig(hotwords=(wrong,))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lm_weight": 1e300}, "lm_weight must lie within 1,000,000,000 of 0, not 1e\\+300"),
        ({"lm_weight": 1001.0}, "lm_weight must lie between 0 and 1000"),
        ({"lm_weight": math.nan}, "lm_weight must be a number"),
        ({"unknown_weight": math.inf}, "unknown_weight must lie within"),
        ({"word_bonus": -1001.0}, r"word_bonus must lie in \[-1000, 50\] nats"),
        ({"unknown_bonus": math.nan}, "unknown_bonus must be a number, not NaN"),
        ({"hotword_weight": math.inf}, "hotword_weight must lie within 1,000 of 0, not inf"),
        ({"hotwords": ["cat=1e39"]}, "hotword 'cat=1e39' needs a number after the equals sign, within 1000 of 0"),
        ({"beam": 10**12}, "beam must lie within 1,000,000 of 0"),
        ({"n_best": 10**12}, "n_best must lie within"),
        ({"beam_threshold": math.nan}, "beam_threshold must be a number"),
        ({"symbol_threshold": math.nan}, "symbol_threshold must be a number"),
        ({"log_priors": [-1.0, math.nan]}, "log_priors must be a number"),
    ],
)
def test_the_numbers_of_a_search_are_bounded(settings: dict[str, Any], message: str) -> None:
    """They come with bundles of strangers, and what leaves the range of a float would be no number in the search."""
    with pytest.raises(ConfigError, match=message):
        DecodingConfig.from_dict(settings)


@pytest.mark.parametrize(("threads", "is_fine"), [(512, True), (513, False), (10**9, False), (0, False)])
def test_threads_are_no_more_than_a_machine_starts(threads: int, is_fine: bool) -> None:
    if is_fine:
        assert TranscriptionConfig(threads=threads).threads == threads
    else:
        with pytest.raises(ConfigError, match=r"threads must (lie within 512 of 0|be positive), not"):
            TranscriptionConfig(threads=threads)


def test_the_cache_lies_where_it_is_named_then_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ASRKIT_CACHE_DIR")
    assert cache_folder() == Path.home() / ".cache" / "asrkit"
    monkeypatch.setenv("ASRKIT_CACHE_DIR", "elsewhere")
    assert (cache_folder(), cache_folder("named")) == (Path("elsewhere"), Path("named"))


@pytest.mark.parametrize(
    ("rate_hz", "named", "high_hz"),
    [(8_000, {}, 3_800), (16_000, {}, 7_600), (48_000, {}, 7_600), (8_000, {"high_hz": 4_000.0}, 4_000)],
)
def test_a_lower_rate_needs_no_other_band(rate_hz, named, high_hz):
    features = FeatureConfig(sample_rate_hz=rate_hz, **named)
    assert features.high_hz == high_hz
    assert FeatureConfig.from_dict(features.to_dict()) == features
