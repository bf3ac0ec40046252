"""DeepSpeech2 in Keras 3, masked so that an utterance's output never depends on its batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
from keras import ops

from asrkit.config import ConvLayer, ModelConfig
from asrkit.errors import BundleError
from asrkit.model import tensorflow_ops
from asrkit.model.lengths import padding
from asrkit.model.recurrence import ctc_losses, recur

# The clipped ReLU of the paper: min(max(x, 0), 20).
CLIP = 20.0
# What the names of the last layer's weights begin with.
OUTPUT = "output/"
_AUXILIARY = "auxiliary/"


def length_mask(lengths: Any, size: Any) -> Any:
    """Return ``(batch, size)``, True where a position lies inside its utterance."""
    return ops.expand_dims(ops.arange(size), 0) < ops.expand_dims(ops.cast(lengths, "int32"), 1)


def on_all_devices(values: Any) -> Any:
    """Return values whole on every device of every host, where Keras spreads batches over several."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return values
    layout = keras.distribution.TensorLayout([None] * len(values.shape), distribution.device_mesh)
    return keras.distribution.distribute_tensor(values, layout)


class SequenceNormalization(keras.layers.BatchNormalization):
    """Batch normalization over the positions inside the utterances, of all devices that share the batch.

    Masking:
        Keras counts only positions inside the mask, but on each device by itself.
    """

    def _moments(self, inputs: Any, mask: Any) -> Any:
        if not tensorflow_ops.is_shared():
            return super()._moments(inputs, mask)
        inside = ops.broadcast_to(ops.cast(mask[..., None], inputs.dtype), ops.shape(inputs))
        axes = self._reduction_axes
        count, total = tensorflow_ops.sum_over_devices([ops.sum(inside, axes), ops.sum(inside * inputs, axes)])
        mean = total / count
        (squares,) = tensorflow_ops.sum_over_devices([ops.sum(inside * ops.square(inputs - mean), axes)])
        return mean, squares / count


class MaskedConvolution(keras.layers.Layer):
    """A convolution over time and frequency, batch normalization and clipped ReLU.

    Padding is explicit and fixed on the left: ``padding="same"`` with strides pads by an amount that depends on the
    padded length, which shifts content between batches.

    Args:
        config: Channels, kernel and strides.

    Input shape:
        ``(batch, frames, bins, channels)``, zero beyond each length, and lengths ``(batch,)``.

    Output shape:
        ``(batch, ceil(frames / stride), ceil(bins / stride), channels)``, zero beyond each new length, and those.

    Masking:
        Batch statistics count only positions inside the utterances (the paper's sequence-wise normalization).
    """

    def __init__(self, config: ConvLayer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.pad = keras.layers.ZeroPadding2D((padding(config.kernel_frames), padding(config.kernel_bins)))
        self.convolution = keras.layers.Conv2D(
            config.channels,
            (config.kernel_frames, config.kernel_bins),
            strides=(config.stride_frames, config.stride_bins),
            use_bias=False,
            name="convolution",
        )
        self.normalization = SequenceNormalization(momentum=0.9, epsilon=1e-3, name="normalization")

    def build(self, input_shape: Any) -> None:
        self.convolution.build((None, None, None, input_shape[-1]))
        self.normalization.build((None, None, None, self.config.channels))

    def call(self, inputs: Any, lengths: Any, training: bool = False) -> Any:
        # The stride may leave fewer outputs than the padding asks for; the surplus is cut.
        outputs = self.convolution(self.pad(inputs))
        lengths = (lengths + self.config.stride_frames - 1) // self.config.stride_frames
        mask = length_mask(lengths, ops.shape(outputs)[1])
        positions = ops.broadcast_to(mask[:, :, None], ops.shape(outputs)[:-1])
        outputs = self.normalization(outputs, training=training, mask=positions)
        outputs = ops.clip(outputs, 0.0, CLIP)
        return outputs * ops.cast(mask[:, :, None, None], outputs.dtype), lengths


class RowConvolution(keras.layers.Layer):
    """Looks a few steps ahead, each unit by itself, so that a unidirectional model sees some future.

    Args:
        lookahead_steps: Steps of future context.

    Input shape:
        ``(batch, steps, units)``, zero beyond each length.

    Output shape:
        The same.

    Source:
        Amodei et al. 2015 (arXiv 1512.02595), section 3.6.
    """

    def __init__(self, lookahead_steps: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lookahead_steps = lookahead_steps
        self.convolution = keras.layers.DepthwiseConv1D(lookahead_steps + 1, use_bias=False, name="convolution")

    def build(self, input_shape: Any) -> None:
        self.convolution.build((None, None, input_shape[-1]))

    def call(self, inputs: Any) -> Any:
        return self.convolution(ops.pad(inputs, [[0, 0], [0, self.lookahead_steps], [0, 0]]))


class Auxiliary(NamedTuple):
    """A second set of outputs, half-way up the network, that helps it to learn."""

    num_symbols: int  # how many, the blank counted
    weight: float  # share of the loss that is theirs


class DeepSpeech2(keras.Model):
    """Convolutions, recurrent layers, an optional dense layer, and logits over the alphabet and the blank.

    Args:
        config: Sizes and kinds of all layers.
        num_bins: Values per feature frame.
        num_symbols: Outputs: the alphabet and the blank (last).
        auxiliary: A second set of outputs, half-way up, that only training knows.

    Call arguments:
        inputs: ``{"features": (batch, frames, bins), "frames": (batch,)}``; other keys are labels for the loss.

    Output shape:
        Logits ``(batch, steps, num_symbols)`` with ``steps = ceil(frames / stride)``; in training with a second set of
        outputs, a pair of these and the other ones' logits.

    Source:
        Amodei et al. 2015, "Deep Speech 2: End-to-End Speech Recognition in English and Mandarin", arXiv 1512.02595;
        the loss half-way up is that of Lee and Watanabe 2021, arXiv 2102.03216; linear units before recurrent layers:
        Prabhavalkar et al. 2016, arXiv 1603.08042.
    """

    def __init__(
        self, config: ModelConfig, num_bins: int, num_symbols: int, auxiliary: Auxiliary | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.num_bins = num_bins
        self.num_symbols = num_symbols
        self.convolutions = [MaskedConvolution(c, name=f"conv_{i}") for i, c in enumerate(config.conv_layers)]
        self.bottlenecks = [
            keras.layers.Dense(config.bottleneck_units, use_bias=False, name=f"bottleneck_{i}")
            for i in range(config.rnn_layers if config.bottleneck_units else 0)
        ]
        self.recurrent = [_recurrent_layer(config, i) for i in range(config.rnn_layers)]
        self.normalizations = [_normalization(config, i) for i in range(config.rnn_layers)]
        self.dropouts = [
            keras.layers.Dropout(config.dropout, seed=1000 + i, name=f"dropout_{i}")
            for i in range(config.rnn_layers + bool(config.dense_units))
        ]
        self.row = RowConvolution(config.lookahead_steps, name="row") if config.lookahead_steps else None
        self.dense = keras.layers.Dense(config.dense_units, name="dense") if config.dense_units else None
        # Logits and loss stay in float32 under mixed precision.
        self.output_layer = keras.layers.Dense(num_symbols, dtype="float32", name="output")
        self.auxiliary = auxiliary
        self.auxiliary_layer = (
            keras.layers.Dense(auxiliary.num_symbols, dtype="float32", name="auxiliary") if auxiliary else None
        )

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        features, lengths = inputs["features"], ops.cast(inputs["frames"], "int32")
        mask = length_mask(lengths, ops.shape(features)[1])
        x = ops.cast(features, self.compute_dtype) * ops.cast(mask[:, :, None], self.compute_dtype)
        x = x[..., None]
        for convolution in self.convolutions:
            x, lengths = convolution(x, lengths, training=training)
        shape = ops.shape(x)
        x = ops.reshape(x, (shape[0], shape[1], x.shape[2] * x.shape[3]))
        mask = length_mask(lengths, shape[1])
        auxiliary_logits = None
        for index, (recurrent, normalization, dropout) in enumerate(
            zip(self.recurrent, self.normalizations, self.dropouts, strict=False)
        ):
            if self.bottlenecks:
                x = self.bottlenecks[index](x)
            x = recur(recurrent, x, lengths, mask)
            x = (
                normalization(x, training=training, mask=mask)
                if self.config.normalization == "batch"
                else normalization(x)
            )
            x = dropout(x, training=training)
            x = x * ops.cast(mask[:, :, None], x.dtype)
            if self.auxiliary_layer is not None and index == (len(self.recurrent) - 1) // 2:
                auxiliary_logits = self.auxiliary_layer(x)
        if self.row is not None:
            x = ops.clip(self.row(x), 0.0, CLIP)
        if self.dense is not None:
            x = self.dropouts[-1](ops.clip(self.dense(x), 0.0, CLIP), training=training)
        logits = self.output_layer(x)
        if not training:
            logits = on_all_devices(logits)
        return logits if auxiliary_logits is None or not training else (logits, auxiliary_logits)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the mean CTC loss per utterance; the labels travel in ``x``.

        A device that has only a part of the batch returns its weighted sum: the sum over all devices is the mean.
        """
        if "weights" in x:  # rows that only fill up have no frames, and CTC wants one
            x = {**x, "frames": ops.maximum(x["frames"], 1)}
        if self.auxiliary is None or not isinstance(y_pred, tuple):
            losses = self.utterance_losses(x, y_pred)
        else:
            weight = self.auxiliary.weight
            losses = (1 - weight) * self.utterance_losses(x, y_pred[0])
            losses += weight * self._ctc_losses(x, "auxiliary", y_pred[1], self.auxiliary.num_symbols)
        return ops.sum(losses * ops.convert_to_tensor(x["weights"])) if "weights" in x else ops.mean(losses)

    def utterance_losses(self, inputs: dict[str, Any], logits: Any) -> Any:
        """Return the CTC loss of each utterance, ``(batch,)``, in nats, from true lengths."""
        return self._ctc_losses(inputs, "labels", logits, self.num_symbols)

    def _ctc_losses(self, inputs: dict[str, Any], name: str, logits: Any, num_symbols: int) -> Any:
        steps = inputs["frames"]
        for layer in self.config.conv_layers:
            steps = (steps + layer.stride_frames - 1) // layer.stride_frames
        return ctc_losses(inputs[name], logits, inputs[f"num_{name}"], steps, num_symbols - 1)


def _recurrent_layer(config: ModelConfig, index: int) -> Any:
    kinds = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM, "rnn": keras.layers.SimpleRNN}
    layer = kinds[config.rnn_type](config.rnn_units, return_sequences=True, name=f"rnn_{index}")
    return keras.layers.Bidirectional(layer, name=f"rnn_{index}") if config.bidirectional else layer


def _normalization(config: ModelConfig, index: int) -> Any:
    if config.normalization == "batch":
        return SequenceNormalization(momentum=0.9, epsilon=1e-3, name=f"normalization_{index}")
    return keras.layers.LayerNormalization(epsilon=1e-3, name=f"normalization_{index}")


def build_network(
    config: ModelConfig, num_bins: int, num_symbols: int, seed: int = 1, auxiliary: Auxiliary | None = None
) -> DeepSpeech2:
    """Return a network with freshly drawn weights.

    Args:
        config: Sizes and kinds of all layers.
        num_bins: Values per feature frame.
        num_symbols: Outputs: the alphabet and the blank.
        seed: Of the initial weights.
        auxiliary: A second set of outputs for training.
    """
    keras.utils.set_random_seed(seed)
    network = DeepSpeech2(config, num_bins, num_symbols, auxiliary, name="deepspeech2")
    frames = 2 * config.stride_frames
    network({"features": ops.zeros((1, frames, num_bins)), "frames": ops.full((1,), frames, dtype="int32")})
    return network


def network_weights(network: DeepSpeech2) -> dict[str, Any]:
    """Return the weights as float32 arrays by name, such as ``rnn_0/forward_rnn_0/gru_cell/kernel``.

    Those of the outputs that only training knows are not among them.
    """
    return {name: ops.convert_to_numpy(w.value).astype("float32") for name, w in _named_weights(network).items()}


def _named_weights(network: DeepSpeech2) -> dict[str, Any]:
    prefix = f"{network.name}/"
    named = {w.path.removeprefix(prefix): w for w in network.weights}
    return {name: w for name, w in named.items() if not name.startswith(_AUXILIARY)}


def set_network_weights(network: DeepSpeech2, weights: Mapping[str, Any]) -> None:
    """Put weights by name into a network.

    Raises:
        BundleError: A weight is missing, unknown, or of another shape.
    """
    own = _named_weights(network)
    if own.keys() != weights.keys():
        odd = sorted(own.keys() ^ weights.keys())[0]
        raise BundleError(f"the weights do not fit the network: {odd!r} is missing on one side")
    for name, variable in own.items():
        if tuple(variable.shape) != weights[name].shape:
            raise BundleError(
                f"the weights do not fit the network: {name} is {weights[name].shape}, not {tuple(variable.shape)}"
            )
        variable.assign(weights[name])
