"""A bundle: one folder with everything transcription needs.

    bundle.json   format version, alphabet, normalizer, features, network, decoding settings, model card
    model.onnx    the graph that onnxruntime runs
    weights.npz   the same weights for Keras: to go on training, to export
    lexicon.txt   of a network that writes phonemes: how words are said
    pieces.model  of one that writes pieces of words: sentencepiece's own file

Reading one runs no code: JSON, an array file without pickle, and a graph of standard operators that carries its own
data. Nothing here imports Keras.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.config import Calibration, DecodingConfig, FeatureConfig, ModelConfig
from asrkit.errors import AsrkitError, BundleError, ConfigError, LexiconError, MissingPathError
from asrkit.model.shapes import weight_shapes
from asrkit.reading import open_npz, read_bounded, require_plain
from asrkit.text import Alphabet, Symbols
from asrkit.text.normalizer import STANDARD_VERSION, Normalizer, get_normalizer
from asrkit.text.units import LEXICON, PIECES, Characters, Units, read_units
from asrkit.writing import sync, sync_folder, write_whole

# Version 2 brought the normalizer; what a bundle does not say is as it was before.
FORMAT_VERSION = 2
_FIRST_NORMALIZER = "standard-1"
# bundle.json comes last wherever parts are put in place: its presence says that the others are there.
GRAPH, WEIGHTS, DESCRIPTION = "model.onnx", "weights.npz", "bundle.json"
PARTS = (WEIGHTS, GRAPH, LEXICON, PIECES, DESCRIPTION)  # not all of them in each bundle
# The language model that comes with a bundle; its suffix tells its format.
_LANGUAGE_MODEL = "language_model"
_MAX_JSON_BYTES = 4 << 20
_MAX_ARRAY_BYTES = 4 << 30
_MAX_ARRAYS = 10_000


@dataclass(frozen=True)
class Bundle:
    """A trained model with its settings.

    Attributes:
        path: The folder.
        alphabet: What its texts are made of.
        features: How to make its input.
        model: The network.
        symbols: Its outputs, the blank last: the alphabet's, where it writes characters.
        kind: What they are: "characters", "subwords" or "phonemes".
        decoding: Settings stored with the model, such as tuned language model weights; any field of DecodingConfig.
        tuned: Such settings for other beams; see ``decoding_near``.
        calibration: How sure its words are, by language model and settings.
        card: Where it comes from: data, seed, versions, scores.
        normalizer: Name and version of what its texts passed; those of its language models and scores pass it too.
        language: Of its texts.
    """

    path: Path
    alphabet: Alphabet
    features: FeatureConfig
    model: ModelConfig
    symbols: Symbols
    kind: str = Characters.kind
    decoding: Mapping[str, Any] = field(default_factory=dict)
    tuned: tuple[Mapping[str, Any], ...] = ()
    calibration: tuple[Calibration, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)
    normalizer: str = _FIRST_NORMALIZER
    language: str = "en"

    @classmethod
    def load(cls, path: Path | str) -> Bundle:
        """Read and check a bundle.

        Raises:
            MissingPathError: There is no such folder.
            BundleError: A part is missing, the format is newer, or a value makes no sense.
        """
        path = Path(path)
        if not path.exists():
            raise MissingPathError("no such model bundle; train one with `asrkit train`", path=path)
        description = _read_description(path)
        if not (path / GRAPH).is_file() and not (path / WEIGHTS).is_file():
            raise BundleError("model.onnx is missing; the bundle is incomplete, export or copy it again", path=path)
        try:
            decoding = dict(description.get("decoding", {}))
            tuned = tuple(dict(settings) for settings in description.get("tuned", ()))
            for settings in (decoding, *tuned):
                DecodingConfig.from_dict(settings)
            alphabet = Alphabet(str(description["alphabet"]))
            units = description.get("units")
            return cls(
                path=path,
                alphabet=alphabet,
                symbols=alphabet if units is None else Symbols.from_dict(units),
                kind=Characters.kind if units is None else str(units["kind"]),
                features=FeatureConfig.from_dict(description["features"]),
                model=ModelConfig.from_dict(description["model"]),
                decoding=decoding,
                tuned=tuned,
                calibration=tuple(map(Calibration.from_dict, description.get("calibration", ()))),
                card=dict(description.get("card", {})),
                normalizer=str(description.get("normalizer", _FIRST_NORMALIZER)),
                language=str(description.get("language", "en")),
            )
        except (KeyError, TypeError, ValueError, AttributeError, AsrkitError) as error:
            raise BundleError(f"bundle.json is not usable: {error}", path=path) from None

    @property
    def name(self) -> str:
        """The model's name: what its card says, else the folder's."""
        return str(self.card.get("name") or self.path.resolve().name)

    @property
    def text_normalizer(self) -> Normalizer:
        """What texts pass that are to be like those the model was trained on.

        Raises:
            ConfigError: It is not known here, or its package is not installed.
        """
        return get_normalizer(self.normalizer, self.language)

    @cached_property
    def units(self) -> Units:
        """What spells texts with the outputs.

        Raises:
            BundleError: A file is missing or does not fit the outputs.
            MissingPackageError: They are pieces of words, and sentencepiece is not installed.
        """
        try:
            return read_units(self.kind, self.alphabet, self.symbols, self.path)
        except (ConfigError, LexiconError, MissingPathError, KeyError) as error:
            raise BundleError(f"its units cannot be used: {error}", path=self.path) from None

    @property
    def lexicon(self) -> Path | None:
        """How words are said, where the outputs are no letters."""
        path = self.path / LEXICON
        return path if path.is_file() else None

    @property
    def step_ms(self) -> float:
        """Milliseconds of audio per output step."""
        return self.features.hop_ms * self.model.stride_frames

    @cached_property
    def fingerprint(self) -> str:
        """A hash of everything that decides the emissions: graph (or weights), outputs, features."""
        outputs = self.alphabet.symbols if self.kind == Characters.kind else self.symbols.labels
        digest = hashlib.sha256(json.dumps([outputs, self.features.to_dict()]).encode())
        graph = self.path / GRAPH
        with (graph if graph.is_file() else self.path / WEIGHTS).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()[:16]

    @property
    def language_model(self) -> Path | None:
        """The language model that comes with the bundle, if one does."""
        return next((path for path in sorted(self.path.glob(f"{_LANGUAGE_MODEL}.*")) if path.is_file()), None)

    def made_graph(self) -> bytes:
        """Return the ONNX graph made from the weights, for a bundle that was exported without one."""
        from asrkit.model.onnx_graph import export_graph

        return export_graph(self.weights(), self.model, self.features, len(self.symbols))

    def describe(self) -> dict[str, Any]:
        """Return everything but the weights as plain values."""
        return {
            "name": self.name,
            "path": str(self.path),
            "fingerprint": self.fingerprint,
            "step_ms": self.step_ms,
            "language_model": None if self.language_model is None else str(self.language_model),
            "alphabet": self.alphabet.symbols,
            "units": self.kind,
            "outputs": len(self.symbols),
            "normalizer": self.normalizer,
            "language": self.language,
            "features": self.features.to_dict(),
            "model": self.model.to_dict(),
            "decoding": dict(self.decoding),
            "tuned": [dict(settings) for settings in self.tuned],
            "calibration": [one.to_dict() for one in self.calibration],
            "card": dict(self.card),
        }

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return the Keras weights by name, as float32.

        Raises:
            BundleError: The file is missing or no array file, or its weights are not those of such a network.
        """
        path = self.path / WEIGHTS
        weights = read_arrays(path)
        for name, shape in weight_shapes(self.model, self.features.num_bins, len(self.symbols)).items():
            if name not in weights:
                raise BundleError(f"{name} is missing; bundle.json tells of another network", path=path)
            if weights[name].shape != shape:
                found = f"{name} has the shape {weights[name].shape}, not {shape}"
                raise BundleError(f"{found}; bundle.json tells of another network", path=path)
        return weights

    def decoding_near(self, beam: int, mode: str | None = None) -> Mapping[str, Any]:
        """Return the settings that were tuned nearest to a search; a language model's weights depend on the beam.

        Args:
            beam: Of the search.
            mode: Of the search, where it is wanted too.
        """
        default = DecodingConfig()

        def distance(settings: Mapping[str, Any]) -> tuple[bool, float]:
            other = mode is not None and settings.get("mode", default.mode) != mode
            return other, abs(math.log(beam / settings.get("beam", default.beam)))

        return min((self.decoding, *self.tuned), key=distance)

    def with_decoding(
        self,
        settings: Mapping[str, Any],
        tuned: Sequence[Mapping[str, Any]] = (),
        calibration: Sequence[Calibration] = (),
    ) -> Bundle:
        """Store decoding settings in the bundle on disk and return it as it now is.

        Args:
            settings: To use unless the user says otherwise.
            tuned: Such settings for other beams; they take the place of those that are there.
            calibration: How sure words are with these; takes the place of what is there.

        Raises:
            ConfigError: A setting is unknown or out of range.
        """
        decoding = {**self.decoding, **settings}
        others = [{**decoding, **other} for other in tuned]
        for each in (decoding, *others):
            DecodingConfig.from_dict(each)
        description = _read_description(self.path)
        description["decoding"] = decoding
        description["tuned"] = others
        description["calibration"] = [one.to_dict() for one in calibration]
        write_whole(self.path / DESCRIPTION, _to_json(description), lasting=True)
        return Bundle.load(self.path)


def save_bundle(
    path: Path | str,
    *,
    alphabet: Alphabet,
    units: Units | None = None,
    features: FeatureConfig,
    model: ModelConfig,
    weights: Mapping[str, npt.NDArray[np.float32]],
    decoding: Mapping[str, Any] | None = None,
    tuned: Sequence[Mapping[str, Any]] = (),
    calibration: Sequence[Calibration] = (),
    card: Mapping[str, Any] | None = None,
    normalizer: str = f"standard-{STANDARD_VERSION}",
    language: str = "en",
    half: bool = False,
) -> Bundle:
    """Write a bundle: complete under a temporary name first, then renamed, so that no half-written one is ever seen.

    Args:
        path: The folder; parts of a bundle already there are replaced.
        alphabet: What its texts are made of.
        units: What the network writes; default: the characters of the alphabet.
        features: How to make its input.
        model: The network.
        weights: Keras weights by name.
        decoding: Settings to use unless the user says otherwise.
        tuned: Such settings for other beams.
        calibration: How sure its words are.
        card: Where the model comes from.
        normalizer: Name and version of what its texts passed.
        language: Of its texts.
        half: Store weights as float16.
    """
    from asrkit.model.onnx_graph import export_graph

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    units = units or Characters(alphabet)
    has_others = units.kind != Characters.kind
    description = {
        "format": "asrkit-bundle",
        "format_version": FORMAT_VERSION,
        "alphabet": alphabet.symbols,
        **({"units": {"kind": units.kind, **units.symbols.to_dict()}} if has_others else {}),
        "normalizer": normalizer,
        "language": language,
        "features": features.to_dict(),
        "model": model.to_dict(),
        "decoding": dict(decoding or {}),
        **({"tuned": [dict(settings) for settings in tuned]} if tuned else {}),
        **({"calibration": [one.to_dict() for one in calibration]} if calibration else {}),
        "card": dict(card or {}),
    }
    staging = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        stored = {k: v.astype(np.float16) if half and v.ndim > 1 else v for k, v in weights.items()}
        np.savez(staging / "weights.npz", **stored)
        widened = {k: v.astype(np.float32) for k, v in stored.items()}
        (staging / "model.onnx").write_bytes(export_graph(widened, model, features, len(units.symbols), half=half))
        for name, content in units.files().items():
            (staging / name).write_bytes(content)
        write_whole(staging / "bundle.json", _to_json(description))
        for part in staging.iterdir():
            with part.open("rb+") as file:
                sync(file)
        staging.chmod(0o755)
        _move_into_place(staging, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    sync_folder(path)
    sync_folder(path.parent)
    return Bundle.load(path)


def _move_into_place(staging: Path, path: Path) -> None:
    """Rename a finished folder, or, where one stands already, its parts one by one: bundle.json last."""
    if not path.exists():
        staging.rename(path)
        return
    for part in PARTS:
        if (staging / part).exists():
            (staging / part).replace(path / part)
        else:
            (path / part).unlink(missing_ok=True)


def read_arrays(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Return the arrays of an ``.npz`` as float32, without unpickling anything.

    Raises:
        BundleError: The file is missing, too large, or holds anything but plain arrays.
    """
    try:
        with open_npz(path) as arrays:
            if arrays.num_bytes > _MAX_ARRAY_BYTES or len(arrays.names) > _MAX_ARRAYS:
                size = f"{arrays.num_bytes / 1e9:.1f} GB unpacked, {len(arrays.names):,} arrays:"
                raise BundleError(f"{size} more than a model has; refusing it", path=path)
            return {name: arrays.read(name).astype(np.float32) for name in arrays.names}
    except FileNotFoundError:
        raise BundleError(
            "weights.npz is missing; the bundle can transcribe but not be trained on", path=path
        ) from None
    except ValueError as error:
        raise BundleError(f"not a usable weights file: {error}", path=path) from None


def _read_description(path: Path) -> dict[str, Any]:
    file = path / DESCRIPTION
    try:
        for part in PARTS:
            require_plain(path / part)
        description = json.loads(read_bounded(file, _MAX_JSON_BYTES).decode())
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError("no bundle.json: this is not a model bundle", path=path) from None
    except OSError as error:
        name = Path(error.filename or file).name
        raise BundleError(f"{name} cannot be read: {error.strerror or error}", path=path) from None
    except (ValueError, RecursionError) as error:
        raise BundleError(f"bundle.json cannot be read: {error}", path=path) from None
    if not isinstance(description, dict) or description.get("format") != "asrkit-bundle":
        raise BundleError("bundle.json does not describe an asrkit model", path=path)
    version = description.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise BundleError(f"unknown format version {version!r}", path=path)
    if version > FORMAT_VERSION:
        raise BundleError(
            f"format version {version} is newer than this asrkit reads ({FORMAT_VERSION}); upgrade asrkit", path=path
        )
    return description


def _to_json(description: Mapping[str, Any]) -> str:
    # a card that comes from TOML may hold dates
    return json.dumps(description, indent=2, ensure_ascii=False, default=str) + "\n"
