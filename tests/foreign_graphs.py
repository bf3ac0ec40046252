"""Small ONNX graphs as other toolkits might export them, made by hand: planted answers, and hostile ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

RATE_HZ = 16_000
FRAME = 320  # samples a step of the planted model
LABELS = ("<pad>", "<s>", "</s>", "<unk>", "|", "A", "B", "C")


def tensor(name: str, values: Any, dtype: Any = np.float32) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def value(name: str, shape: Sequence[Any] | None, kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def model_of(
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    constants: Sequence[TensorProto] = (),
    metadata: dict[str, str] | None = None,
    domains: Sequence[str] = ("",),
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(constants))
    opsets = [helper.make_opsetid(domain, 17 if domain == "" else 1) for domain in domains]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    helper.set_model_props(model, metadata or {})
    return model


def planted_model(gain: float = 60.0, num_outputs: int = len(LABELS)) -> onnx.ModelProto:
    """A model of samples that hears the loudness of each 20 ms: output n where it is nearest to n / 10.

    Its logits are ``-gain * (loudness - n / 10)**2``; the loudness is the mean of absolute samples.
    """
    levels = np.arange(num_outputs) / 10
    nodes = [
        helper.make_node("Unsqueeze", ["input_values", "one"], ["x"]),
        helper.make_node("Abs", ["x"], ["a"]),
        helper.make_node("Conv", ["a", "mean"], ["m"], strides=[FRAME]),
        helper.make_node("Transpose", ["m"], ["t"], perm=[0, 2, 1]),
        helper.make_node("Sub", ["t", "levels"], ["d"]),
        helper.make_node("Mul", ["d", "d"], ["s"]),
        helper.make_node("Mul", ["s", "gain"], ["logits"]),
    ]
    constants = [
        tensor("one", [1], np.int64),
        tensor("mean", np.full((1, 1, FRAME), 1 / FRAME)),
        tensor("levels", levels),
        tensor("gain", -gain * 10),
    ]
    inputs = [value("input_values", ["b", "n"])]
    return model_of(nodes, inputs, [value("logits", ["b", "t", num_outputs])], constants)


def planted_sound(outputs: Sequence[int], steps_each: int = 3) -> npt.NDArray[np.float32]:
    """Return samples in which the planted model hears these outputs, each for some steps, with blanks between."""
    levels = np.array([level for output in outputs for level in [output] * steps_each + [0]]) / 10
    loudness = np.repeat(levels, FRAME)
    return (loudness * np.where(np.arange(len(loudness)) % 2, 1, -1)).astype(np.float32)


def hugging_face_folder(
    folder: Path, *, normalize: bool = False, graph: onnx.ModelProto | None = None, labels: Sequence[str] = LABELS
) -> Path:
    """Write a folder as ``save_pretrained`` does, with the planted model as its graph."""
    (folder / "onnx").mkdir(parents=True)
    write_json(
        folder / "config.json", {"architectures": ["Wav2Vec2ForCTC"], "pad_token_id": 0, "vocab_size": len(labels)}
    )
    extractor = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": normalize}
    write_json(folder / "preprocessor_config.json", {**extractor, "sampling_rate": RATE_HZ})
    write_json(folder / "vocab.json", {label: index for index, label in enumerate(labels)})
    write_json(folder / "tokenizer_config.json", {"word_delimiter_token": "|", "do_lower_case": False})
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\n")
    onnx.save(graph or planted_model(num_outputs=len(labels)), str(folder / "onnx" / "model.onnx"))
    return folder


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
