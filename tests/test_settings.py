from __future__ import annotations

from pathlib import Path

import pytest
from random_bundle import random_bundle

from asrkit.cli import settings
from asrkit.cli.settings import Project, choose_model, named_model, resolve
from asrkit.cli.train import TextOptions, run_settings
from asrkit.config import DecodingConfig, ScoringConfig, Settings, TranscriptionConfig
from asrkit.errors import ConfigError, MissingPathError
from asrkit.presets import PRESETS

FLAG, TOML, BUNDLE, DEFAULT = 8, 6, 5, DecodingConfig.beam


@pytest.mark.parametrize("bundle", [None, BUNDLE])
@pytest.mark.parametrize("toml", [None, TOML])
@pytest.mark.parametrize("flag", [None, FLAG])
def test_the_nearest_source_wins(flag: int | None, toml: int | None, bundle: int | None) -> None:
    expected = next(value for value in (flag, toml, bundle, DEFAULT) if value is not None)
    project = Project(Path("asrkit.toml"), {"decoding": {} if toml is None else {"beam": toml}})
    config = resolve(
        DecodingConfig,
        "decoding",
        {"beam": flag},
        project=project,
        bundle={} if bundle is None else {"beam": bundle},
    )
    assert config == DecodingConfig(beam=expected)


def test_sources_are_mixed_setting_by_setting() -> None:
    project = Project(Path("asrkit.toml"), {"decoding": {"lm_weight": 0.9, "beam": 8}})
    flags = {"beam": 9, "word_bonus": None}
    config = resolve(DecodingConfig, "decoding", flags, project=project, bundle={"word_bonus": 2.5, "lm_weight": 0.1})
    assert (config.beam, config.lm_weight, config.word_bonus) == (9, 0.9, 2.5)


def test_settings_of_a_newer_bundle_are_left_out() -> None:
    assert resolve(DecodingConfig, "decoding", {}, bundle={"beam": 3, "from_the_future": 1}).beam == 3


@pytest.mark.parametrize("kind", [DecodingConfig, ScoringConfig, TranscriptionConfig])
def test_settings_listen_to_no_variable_of_their_own(kind: type[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    """Else ``ASRKIT_SEED`` would mean another thing to each command that has a seed."""
    for name in kind().to_dict():
        monkeypatch.setenv(f"ASRKIT_{name.upper()}", "3")
    assert resolve(kind, "table", {}) == kind()


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="beam must be positive"):
        resolve(DecodingConfig, "decoding", {"beam": 0})
    with pytest.raises(ConfigError, match="unknown setting 'beem'; did you mean 'beam'"):
        resolve(DecodingConfig, "decoding", {"beem": 3})


def test_a_project_file_is_found_read_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Project.load() == Project()
    Path("asrkit.toml").write_text("[decoding]\nbeam = 12\n")
    assert Project.load().tables == {"decoding": {"beam": 12}}
    Path("other.toml").write_text("[decoding]\nbeem = 12\n")
    with pytest.raises(ConfigError, match=r"other\.toml.*beem.*did you mean 'beam'"):
        Project.load(Path("other.toml"))
    with pytest.raises(MissingPathError):
        Project.load(Path("absent.toml"))


def test_only_a_file_that_was_named_says_where_data_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("asrkit.toml").write_text('[transcription]\nrunner = "ray"\nray_address = "ray://elsewhere:10001"\n')
    with pytest.raises(ConfigError, match="give --ray-address or ASRKIT_RAY_ADDRESS"):
        Project.load()
    assert Project.load(Path("asrkit.toml")).tables["transcription"]["ray_address"] == "ray://elsewhere:10001"


def test_the_model_is_chosen_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASRKIT_MODEL", raising=False)
    monkeypatch.setattr(settings, "_BOX", tmp_path / "box")
    with pytest.raises(MissingPathError, match="asrkit train"):
        choose_model()
    for folder in ("box/english", "models/latest", "from_environment", "from_flag"):
        random_bundle(Path(folder))
        if folder == "from_environment":
            assert choose_model().path == Path("models/latest")
            monkeypatch.setenv("ASRKIT_MODEL", folder)
            assert choose_model().path == Path(folder)
            assert choose_model(Path(folder)).reason == "ASRKIT_MODEL"  # as typer hands a variable on
        elif folder == "box/english":
            assert choose_model().path == tmp_path / folder
    assert choose_model(Path("from_flag")).reason == "--model"


@pytest.mark.parametrize("source", ["flag", "environment"])
def test_a_named_model_that_is_missing_is_never_replaced(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models/latest").mkdir(parents=True)
    monkeypatch.setenv("ASRKIT_MODEL", "typo") if source == "environment" else monkeypatch.delenv("ASRKIT_MODEL", False)
    with pytest.raises(MissingPathError, match="typo"):
        choose_model(Path("typo") if source == "flag" else None)


def test_a_model_in_the_box_goes_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "_BOX", tmp_path / "box")
    random_bundle(tmp_path / "box/english-small")
    assert named_model(Path("english-small"), "--from") == tmp_path / "box/english-small"
    (tmp_path / "english-small").mkdir()
    assert named_model(Path("english-small"), "--from") == Path("english-small")
    with pytest.raises(MissingPathError, match="named by --from"):
        named_model(Path("german-small"), "--from")


def test_fine_tuning_takes_the_network_of_the_model_it_begins_with(tmp_path: Path) -> None:
    bundle = random_bundle(tmp_path / "model")
    (tmp_path / "train.tsv").write_text("utterance_id\tpath\ttext\n")
    begin = f"training.start_from='{bundle.path}'"
    run = run_settings(tmp_path / "train.tsv", None, "small", None, 3, [begin, "model.dropout=0.4"])
    assert (run.model, run.features) == (bundle.model.replace(dropout=0.4), bundle.features)
    assert run.data.alphabet == bundle.alphabet.symbols
    assert run.training.epochs == 3


def test_a_project_file_may_name_what_to_begin_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_BOX", tmp_path / "box")
    beside, boxed = random_bundle(tmp_path / "project/mine"), random_bundle(tmp_path / "box/english-small")
    (tmp_path / "project/train.tsv").write_text("utterance_id\tpath\ttext\n")
    file = tmp_path / "project/asrkit.toml"
    for name, bundle in (("mine", beside), ("english-small", boxed)):
        file.write_text(f'[data]\ntrain = "train.tsv"\n[training]\nstart_from = "{name}"\n')
        run = run_settings(None, None, None, file, None, [])
        assert (run.training.start_from, run.model) == (str(bundle.path), bundle.model)


@pytest.mark.parametrize(
    ("writing", "found"),
    [
        (TextOptions(), ("characters", " abc", "mine.dict")),
        (TextOptions(lexicon=Path("other.dict")), ("phonemes", " abc", "other.dict")),
        (TextOptions(units="subwords"), ("subwords", " abc", "mine.dict")),
        (TextOptions(alphabet=' äя"'), ("characters", ' äя"', "mine.dict")),
        (TextOptions(alphabet="auto", units="phonemes"), ("phonemes", "auto", "mine.dict")),
    ],
)
def test_what_a_model_writes_has_options_of_its_own(
    tmp_path: Path, monkeypatch, writing: TextOptions, found: object
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("asrkit.toml").write_text('[data]\nalphabet = " abc"\nlexicon = "mine.dict"\n')
    Path("train.tsv").write_text("utterance_id\tpath\ttext\n")
    run = run_settings(Path("train.tsv"), None, "tiny", None, 3, [], {"data": writing.settings})
    assert (run.data.units, run.data.alphabet, run.data.lexicon) == found
    with pytest.raises(ConfigError, match=r"--lexicon is for phonemes, not for --units subwords"):
        _ = TextOptions(units="subwords", lexicon=Path("a.dict")).settings


def test_what_is_set_on_the_command_line_beats_a_variable(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("utterance_id\tpath\ttext\n")
    # typer hands ASRKIT_PRESET and ASRKIT_EPOCHS on as if they were flags
    run = run_settings(tmp_path / "train.tsv", None, "tiny", None, 3, ["training.epochs=5"])
    assert run.training.epochs == 5
    assert run.model.rnn_units == PRESETS["tiny"]["model"]["rnn_units"]


@pytest.mark.parametrize(
    ("assignment", "line"),
    [
        ("training=3", "training must be a table, not 3"),
        ("training.start_from=3", "training: start_from must be of type str, not 3"),
        ("data=3", "data must be a table, not 3"),
        ("preset=['tiny']", "no preset ['tiny']; choose from tiny, small"),
    ],
)
def test_a_setting_of_another_kind_is_told(assignment: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        run_settings(tmp_path, None, None, None, None, [assignment])
    assert line in str(told.value)


def test_a_file_may_leave_the_lexicon_to_the_command_line(tmp_path: Path) -> None:
    """As the recipes in scripts do; alone it is no run."""
    (tmp_path / "train.tsv").touch()
    (tmp_path / "phonemes.toml").write_text('[data]\nunits = "phonemes"\n')
    arguments = tmp_path / "train.tsv", None, None, tmp_path / "phonemes.toml", None
    assert run_settings(*arguments, ["data.lexicon=words.txt"]).data.lexicon == "words.txt"
    with pytest.raises(ConfigError, match=r"phonemes need data\.lexicon"):
        run_settings(*arguments, [])


def test_folders_of_noises_and_rooms_are_relative_to_the_file_that_names_them(tmp_path):
    file = tmp_path / "asrkit.toml"
    file.write_text(
        '[data]\ntrain = "m.tsv"\n[training.augmentation]\nnoises = ["babble", "musan"]\nrooms = ["/rirs"]\n'
    )
    (tmp_path / "m.tsv").write_text("")
    found = run_settings(None, None, None, file, None, []).training.augmentation
    assert (found.noises, found.rooms) == (("babble", str(tmp_path / "musan")), ("/rirs",))
    shoebox = ['training.augmentation.rooms=["shoebox", "here"]']  # on the command line: relative to the current folder
    found = run_settings(None, None, None, file, None, shoebox).training.augmentation
    assert (found.noises, found.rooms) == (("babble", str(tmp_path / "musan")), ("shoebox", "here"))
