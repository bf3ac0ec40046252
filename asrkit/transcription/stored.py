"""Stored emissions as the input of a run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from asrkit.config import FeatureConfig
from asrkit.emissions import EMISSIONS_SUFFIX, EmissionsInfo, read_info
from asrkit.errors import DecodingError, MissingPathError, TranscriptionError
from asrkit.text import Alphabet
from asrkit.text.identifiers import escape_id, escape_rest
from asrkit.transcription.naming import EMISSIONS_FOLDER, Wish, absolute
from asrkit.transcription.recognizer import reason
from asrkit.transcription.recordings import Recording, named


@dataclass(frozen=True)
class StoredModel:
    """What emissions tell about the model that made them."""

    name: str
    fingerprint: str
    alphabet: Alphabet
    step_ms: float
    normalizer: str = "standard-1"
    language: str = "en"
    features: FeatureConfig = field(default_factory=FeatureConfig)  # never used: there is no audio


def find_emissions(folder: Path) -> tuple[StoredModel, list[Recording]]:
    """List the emissions of a folder.

    Args:
        folder: The folder of a run that kept its emissions, or the folder of emissions itself.

    Returns:
        The model that made them, and the recordings sorted by id; an unreadable file is one with a problem.

    Raises:
        MissingPathError: There is no such folder.
        TranscriptionError: It holds no emissions, or those of several models.
    """
    folder = _folder_of(folder)
    infos: list[EmissionsInfo] = []
    wishes: list[tuple[Wish, Recording]] = []
    for path in _files_of(folder):
        output = path.relative_to(folder).as_posix().removesuffix(EMISSIONS_SUFFIX)
        bad = Recording("", path, "")
        try:
            info = read_info(path)
        except DecodingError as error:
            wishes.append((Wish.of_output(output), replace(bad, problem=reason(error, bad))))
            continue
        infos.append(info)
        utterance_id = escape_rest(info.utterance_id) or escape_id(output)
        stored = Recording(
            "",
            Path(info.audio),
            "",
            emissions_path=path,
            duration_s=info.duration_s,
            fingerprint=info.audio_fingerprint,
        )
        wishes.append((Wish.of_output(output, utterance_id), stored))
    if not infos:
        raise _no_emissions(folder)
    return _one_model(infos, folder), named(wishes)


def stored_model(folder: Path) -> StoredModel:
    """Return the model that made the emissions of a folder, as the first usable file tells.

    Raises:
        MissingPathError: There is no such folder.
        TranscriptionError: It holds no emissions.
    """
    folder = _folder_of(folder)
    for path in _files_of(folder):
        with suppress(DecodingError):
            return _model_of(read_info(path))
    raise _no_emissions(folder)


def _folder_of(folder: Path) -> Path:
    if not folder.is_dir():
        raise MissingPathError("no such folder of emissions", path=folder)
    return absolute(folder / EMISSIONS_FOLDER if (folder / EMISSIONS_FOLDER).is_dir() else folder)


def _files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob(f"*{EMISSIONS_SUFFIX}") if path.is_file())


def _no_emissions(folder: Path) -> TranscriptionError:
    return TranscriptionError("holds no usable emissions; make some with --keep-emissions", path=folder)


def _model_of(info: EmissionsInfo) -> StoredModel:
    return StoredModel(info.model, info.model_fingerprint, Alphabet(info.alphabet), info.step_ms)


def _one_model(infos: list[EmissionsInfo], folder: Path) -> StoredModel:
    model = _model_of(infos[0])
    for info in infos:
        if (info.model_fingerprint, info.alphabet, info.step_ms) != (
            model.fingerprint,
            model.alphabet.symbols,
            model.step_ms,
        ):
            raise TranscriptionError(
                f"holds emissions of two models, {model.name} and {info.model}; keep them in folders of their own",
                path=folder,
            )
    return model
