"""Make tests/golden/foreign_models: tiny models of transformers with random weights, and what it makes of a sound.

Run it in the environment of requirements.txt: python scripts/foreign_models/models.py
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from front_ends import sound
from transformers import (
    HubertConfig,
    HubertForCTC,
    ParakeetCTCConfig,
    ParakeetFeatureExtractor,
    ParakeetForCTC,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
)

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "foreign_models"
SOUNDS_S = (1.3, 0.7, 1.3)
LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAOINSHRDLU"]
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (12,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "vocab_size": len(LETTERS),
    "pad_token_id": 0,
}
BINS = 80


def sounds() -> list[np.ndarray]:
    return [np.roll(sound(seconds), 3_000 * place) for place, seconds in enumerate(SOUNDS_S)]


def waveform_model(kind: type, config: object, name: str, *, normalize: bool) -> None:
    torch.manual_seed(1)
    model = kind(config).eval()
    extractor = Wav2Vec2FeatureExtractor(do_normalize=normalize)

    def answer(waveform: np.ndarray) -> np.ndarray:
        made = extractor(waveform, sampling_rate=16_000, return_tensors="pt")
        return torch.log_softmax(model(made["input_values"]).logits, dim=-1)[0].numpy()

    folder = fresh(name)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    extractor.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({label: i for i, label in enumerate(LETTERS)}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"word_delimiter_token": "|"}))
    axes = {"input_values": {0: "batch", 1: "samples"}, "logits": {0: "batch", 1: "steps"}}
    export(model, (torch.zeros(2, 16_000),), folder, ["input_values"], ["logits"], axes)
    finish(folder, answer)


def parakeet() -> None:
    torch.manual_seed(1)
    encoder = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "subsampling_conv_channels": 8,
    }
    model = ParakeetForCTC(ParakeetCTCConfig(vocab_size=17, encoder_config=encoder, pad_token_id=16)).eval()
    extractor = ParakeetFeatureExtractor(feature_size=BINS)

    def answer(waveform: np.ndarray) -> np.ndarray:
        made = extractor(waveform, sampling_rate=16_000, return_tensors="pt")
        logits = model(input_features=made["input_features"], attention_mask=made["attention_mask"]).logits[0]
        steps = -(-int(made["attention_mask"].sum()) // 8)
        return torch.log_softmax(logits[:steps], dim=-1).numpy()

    folder = fresh("parakeet")
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    extractor.save_pretrained(folder)
    pieces = ["<unk>", *("▁" + letter for letter in "tah"), *"etaoinshrdlu"]
    (folder / "vocab.json").write_text(json.dumps({label: i for i, label in enumerate([*pieces, "<pad>"])}))
    inputs = torch.zeros(2, 160, BINS), torch.ones(2, 160, dtype=torch.long)
    names = ["input_features", "attention_mask"]
    axes = {name: {0: "batch", 1: "frames"} for name in names} | {"logits": {0: "batch", 1: "steps"}}
    export(model, inputs, folder, names, ["logits"], axes)
    finish(folder, answer)


def fresh(name: str) -> Path:
    folder = GOLDEN / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def export(
    model: torch.nn.Module, inputs: tuple[torch.Tensor, ...], folder: Path, names: list[str], out: list[str], axes: dict
) -> None:
    class Bare(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, *given: torch.Tensor) -> torch.Tensor:
            answer = self.inner(**dict(zip(names, given, strict=True))) if hasattr(model, "config") else model(*given)
            return answer.logits if hasattr(answer, "logits") else answer

    torch.onnx.export(
        Bare().eval(),
        inputs,
        str(folder / "model.onnx"),
        input_names=names,
        output_names=out,
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )


def finish(folder: Path, answer: object) -> None:
    expected = {}
    for place, samples in enumerate(sounds()):
        expected[f"samples_{place}"] = samples
        expected[f"log_probs_{place}"] = answer((samples / 32_768).astype(np.float32)).astype(np.float32)
    np.savez_compressed(folder / "expected.npz", **expected)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder.name}: {size / 1000:.0f} kB")


def main() -> None:
    with torch.no_grad():
        norms = {"feat_extract_norm": "group", "do_stable_layer_norm": False}
        waveform_model(Wav2Vec2ForCTC, Wav2Vec2Config(**SMALL, **norms), "wav2vec2", normalize=True)
        norms = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
        waveform_model(HubertForCTC, HubertConfig(**SMALL, **norms), "hubert", normalize=False)
        parakeet()


if __name__ == "__main__":
    main()
