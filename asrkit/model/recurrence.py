"""Recurrent layers and the CTC loss by what each backend computes fastest.

The answers are those of Keras: its layers, which remain for what is not here, and its ``ops.ctc_loss``. With a mask
Keras runs a layer as a loop of small operations, except where TensorFlow has cuDNN; ours work from lengths.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from asrkit.model import tensorflow_ops


def recur(layer: Any, inputs: Any, lengths: Any, mask: Any) -> Any:
    """Run a recurrent layer of Keras, or a bidirectional one.

    Args:
        layer: With default activations.
        inputs: ``(batch, steps, size)``.
        lengths: ``(batch,)`` int32, true steps.
        mask: ``(batch, steps)``, the same once more.

    Returns:
        ``(batch, steps, directions * units)``; what is beyond a length means nothing.
    """
    both = isinstance(layer, keras.layers.Bidirectional)
    directions = [layer.forward_layer, layer.backward_layer] if both else [layer]
    compute = _recurrence(directions[0])
    if compute is None or not layer.built:  # the first call makes the weights
        return layer(inputs, mask=mask)
    return compute([direction.cell for direction in directions], inputs, lengths)


def _recurrence(layer: Any) -> Callable[[list[Any], Any, Any], Any] | None:
    """Return what runs such a layer on this backend, or None where Keras does.

    It takes the Keras cells, that of the forward direction and maybe that of the backward one, with default activations
    and a GRU's ``reset_after=True``; inputs ``(batch, steps, size)``; and lengths ``(batch,)`` int32, true steps. It
    returns ``(batch, steps, directions * units)`` in the dtype of the inputs, 0 beyond each length.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        has_it = isinstance(layer, keras.layers.GRU) and tensorflow_ops.has_recurrence()
        return tensorflow_ops.gru if has_it else None
    if not isinstance(layer, keras.layers.GRU | keras.layers.LSTM):
        return None
    if backend == "jax":
        from asrkit.model import jax_ops

        return jax_ops.recurrence
    from asrkit.model import torch_ops

    return torch_ops.recurrence


def ctc_losses(labels: Any, logits: Any, num_labels: Any, steps: Any, blank: int) -> Any:
    """Return the CTC loss of each utterance, ``(batch,)``, in nats.

    Args:
        labels: ``(batch, most labels)`` int32.
        logits: ``(batch, steps, symbols)`` float32.
        num_labels: ``(batch,)`` int32, true numbers of labels.
        steps: ``(batch,)`` int32, true numbers of steps.
        blank: Index of the blank.
    """
    logits = ops.convert_to_tensor(logits)
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return tensorflow_ops.ctc_losses(labels, logits, num_labels, steps, blank)
    if backend == "jax":
        from asrkit.model import jax_ops

        return jax_ops.ctc_losses(labels, logits, num_labels, steps, blank)
    from asrkit.model import torch_ops

    return torch_ops.ctc_losses(labels, logits, num_labels, steps, blank)
