"""A bundle: one folder with everything transcription needs.

    bundle.json   format version, alphabet, normalizer, features, network, decoding settings, model card
    model.onnx    the graph that onnxruntime runs; a foreign one may have files of tensors beside it
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.config import (
    OWN_GRAPH,
    Calibration,
    DecodingConfig,
    FeatureConfig,
    GraphConfig,
    ModelConfig,
    read_features,
)
from asrkit.errors import AsrkitError, BundleError, ConfigError, LexiconError, MissingPathError
from asrkit.model.folder import (
    DESCRIPTION,
    GRAPH,
    WEIGHTS,
    external_files,
    read_arrays,
    read_description,
    staged,
    to_json,
    write_description,
)
from asrkit.model.shapes import weight_shapes
from asrkit.text import Alphabet, Symbols
from asrkit.text.normalizer import STANDARD_VERSION, Normalizer, get_normalizer
from asrkit.text.units import LEXICON, Characters, Units, read_units
from asrkit.writing import write_arrays, write_whole

FOREIGN = "foreign"
_FIRST_NORMALIZER = "standard-1"  # before bundles told it
_LANGUAGE_MODEL = "language_model"  # its suffix tells its format
_NOT_DECIDING = ("batching", "longest_s")  # of the settings of a graph: they never change an answer


@dataclass(frozen=True)
class Bundle:
    """A trained model with its settings: one of ours, or a foreign one, of which there is the graph alone."""

    path: Path  # the folder
    alphabet: Alphabet  # what its texts are made of
    features: FeatureConfig  # how to make its input
    network: ModelConfig | None  # the network that the weights belong to; None for a foreign model
    symbols: Symbols  # its outputs: the alphabet's, where it writes characters
    kind: str = Characters.kind  # what they are: "characters", "subwords", "phonemes", or "symbols" of a foreign model
    graph: GraphConfig = OWN_GRAPH  # what its graph takes and gives
    # Settings stored with the model, such as tuned language model weights; any field of DecodingConfig.
    decoding: Mapping[str, Any] = field(default_factory=dict)
    tuned: tuple[Mapping[str, Any], ...] = ()  # such settings for other beams; see ``decoding_near``
    calibration: tuple[Calibration, ...] = ()  # how sure its words are, by language model and settings
    card: Mapping[str, Any] = field(default_factory=dict)  # where it comes from: data, seed, versions, scores
    # Name and version of what its texts passed; those of its language models and scores pass it too.
    normalizer: str = _FIRST_NORMALIZER
    language: str = "en"  # of its texts

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
        description = read_description(path)
        if not (path / GRAPH).is_file() and not (path / WEIGHTS).is_file():
            raise BundleError("model.onnx is missing; the bundle is incomplete, export or copy it again", path=path)
        try:
            decoding = _table(description.get("decoding", {}), "decoding")
            tuned = tuple(_table(settings, "tuned") for settings in description.get("tuned", ()))
            for settings in (decoding, *tuned):
                DecodingConfig.from_dict(settings)
            alphabet = Alphabet(_text(description["alphabet"], "alphabet"))
            units = description.get("units")
            if description.get("kind") == FOREIGN:
                network, graph = None, GraphConfig.from_dict(description["graph"])
            else:
                network = ModelConfig.from_dict(description["model"])
                graph = OWN_GRAPH.replace(stride_frames=network.stride_frames)
            return cls(
                path=path,
                alphabet=alphabet,
                symbols=alphabet if units is None else Symbols.from_dict(units),
                kind=Characters.kind if units is None else _text(units["kind"], "kind"),
                features=read_features(description["features"]),
                network=network,
                graph=graph,
                decoding=decoding,
                tuned=tuned,
                calibration=tuple(map(Calibration.from_dict, description.get("calibration", ()))),
                card=_card(description.get("card", {})),
                normalizer=_text(description.get("normalizer", _FIRST_NORMALIZER), "normalizer"),
                language=_text(description.get("language", "en"), "language"),
            )
        except (KeyError, TypeError, ValueError, AttributeError, AsrkitError) as error:
            raise BundleError(f"bundle.json is not usable: {error}", path=path) from None

    @property
    def name(self) -> str:
        """The model's name: what its card says, else the folder's."""
        return str(self.card.get("name") or self.path.resolve().name)

    @property
    def is_foreign(self) -> bool:
        """Whether it was made elsewhere: it transcribes, and cannot be trained on."""
        return self.network is None

    @property
    def model(self) -> ModelConfig:
        """The network that the weights belong to.

        Raises:
            BundleError: It was made elsewhere.
        """
        if self.network is None:
            raise BundleError(
                "was made elsewhere: it can transcribe, but is neither trained on nor exported; copy its folder to "
                "pass it on",
                path=self.path,
            )
        return self.network

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
        return self.features.row_ms * self.graph.stride_frames

    @property
    def longest_s(self) -> float | None:
        """The longest sound its network hears at once; None: any."""
        return self.graph.longest_s

    @cached_property
    def fingerprint(self) -> str:
        """A hash of everything that decides the emissions: graph (or weights), outputs, features."""
        outputs = self.alphabet.symbols if self.kind == Characters.kind else self.symbols.labels
        facts: list[Any] = [outputs, self.features.to_dict()]
        graph = self.path / GRAPH
        files = [graph if graph.is_file() else self.path / WEIGHTS]
        if self.is_foreign:
            facts.append({name: value for name, value in self.graph.to_dict().items() if name not in _NOT_DECIDING})
            files += external_files(self.path)
        digest = hashlib.sha256(json.dumps(facts).encode())
        for path in files:
            with path.open("rb") as file:
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
            **({"graph": self.graph.to_dict()} if self.network is None else {"model": self.network.to_dict()}),
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
        description = read_description(self.path)
        description["decoding"] = decoding
        description["tuned"] = others
        description["calibration"] = [one.to_dict() for one in calibration]
        write_whole(self.path / DESCRIPTION, to_json(description), lasting=True)
        return Bundle.load(self.path)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, not {str(value)[:40]!r}")
    return value


def _table(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a table, not {str(value)[:40]!r}")
    return dict(value)


def _card(value: Any) -> dict[str, Any]:
    """Return what a bundle tells people; what its tables and lists hold may be anything."""
    card = _table(value, "card")
    card |= {name: _table(card[name], name) for name in ("data", "dev", "versions", "certificate") if name in card}
    for name in ("sources", "results"):
        if not isinstance(card.get(name, []), list):
            raise TypeError(f"{name} must be a list, not {str(card[name])[:40]!r}")
    return card


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

    Parts of a bundle that the folder holds already are replaced. ``weights`` are those of Keras by name, stored as
    float16 where ``half``; ``units`` by default the characters of the alphabet. All else is as ``Bundle`` has it.
    """
    from asrkit.model.onnx_graph import export_graph

    path = Path(path)
    units = units or Characters(alphabet)
    has_others = units.kind != Characters.kind
    description: dict[str, Any] = {
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
    with staged(path) as staging:
        stored = {k: v.astype(np.float16) if half and v.ndim > 1 else v for k, v in weights.items()}
        with (staging / WEIGHTS).open("xb") as file:
            write_arrays(file, stored)
        widened = {k: v.astype(np.float32) for k, v in stored.items()}
        (staging / "model.onnx").write_bytes(export_graph(widened, model, features, len(units.symbols), half=half))
        for name, content in units.files().items():
            (staging / name).write_bytes(content)
        write_description(staging, description)
    return Bundle.load(path)
