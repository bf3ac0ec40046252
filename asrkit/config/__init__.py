"""Every setting of every stage: frozen dataclasses that check themselves, read from TOML, written as JSON.

Defaults stand here and nowhere else. Flags beat ``ASRKIT_*`` variables beat ``asrkit.toml`` beat the settings
inside a bundle beat these defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from asrkit.config.cache import cache_folder
from asrkit.config.confidence import Calibration
from asrkit.config.foreign import FRONT_ENDS, OWN_GRAPH, ForeignFeatures, GraphConfig, front_end_named, read_features
from asrkit.config.learning import (
    AUTO_ALPHABET,
    AugmentationConfig,
    ConvLayer,
    DataConfig,
    FeatureConfig,
    ModelConfig,
    TrainingConfig,
)
from asrkit.config.recognition import (
    TRANSCRIPT_FORMATS,
    DecodingConfig,
    ScoringConfig,
    TranscriptionConfig,
)
from asrkit.config.settings import Settings, read_toml, require

__all__ = [
    "AUTO_ALPHABET",
    "FRONT_ENDS",
    "OWN_GRAPH",
    "TRANSCRIPT_FORMATS",
    "AugmentationConfig",
    "Calibration",
    "ConvLayer",
    "DataConfig",
    "DecodingConfig",
    "FeatureConfig",
    "ForeignFeatures",
    "GraphConfig",
    "ModelConfig",
    "RunConfig",
    "ScoringConfig",
    "Settings",
    "TrainingConfig",
    "TranscriptionConfig",
    "cache_folder",
    "front_end_named",
    "read_features",
    "read_toml",
]


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

    def require_complete(self) -> None:
        """Check what one setting asks of another: a file may leave it to the command line.

        Raises:
            ConfigError: A run with these settings alone cannot begin.
        """
        require(
            self.data.lexicon is not None or "phonemes" not in (self.data.units, self.training.auxiliary_units),
            "phonemes need data.lexicon: a file that says how words are said",
        )
