"""What XLA compiles better than what Keras hands it.

A recurrent layer is one scan for both directions, with all that needs no state left out of it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from keras import ops


def recurrence(cells: list[Any], inputs: Any, lengths: Any) -> Any:
    """Run one or both directions of a GRU or LSTM layer, as ``asrkit.model.recurrence`` has it."""
    batch, steps, _ = inputs.shape
    units = cells[0].units
    step = _gru_step if cells[0].recurrent_kernel.shape[1] == 3 * units else _lstm_step
    kernel, recurrent, bias = (
        jnp.stack([getattr(cell, name).value for cell in cells]) for name in ("kernel", "recurrent_kernel", "bias")
    )
    input_bias, state_bias = (bias[:, 0], bias[:, 1]) if step is _gru_step else (bias, None)
    projected = jnp.einsum("bts,dsg->tdbg", inputs, kernel.astype(inputs.dtype)).astype("float32")
    projected = projected + input_bias.astype("float32")[:, None]
    inside = jnp.broadcast_to((jnp.arange(steps)[:, None] < lengths)[:, None, :, None], (steps, len(cells), batch, 1))
    recurrent = recurrent.astype("float32")

    def advance(state: Any, now: Any) -> Any:
        by_inputs, is_inside = now
        by_state = jnp.einsum("dbu,dug->dbg", state[0], recurrent)
        state = tuple(jnp.where(is_inside, new, 0.0) for new in step(state, by_inputs, by_state, state_bias))
        return state, state[0]

    # Beyond an utterance the state is 0: the backward direction, whose time is turned, meets that first.
    start = (jnp.zeros((len(cells), batch, units)),) * (1 if step is _gru_step else 2)
    _, outputs = jax.lax.scan(advance, start, (_turned(projected), _turned(inside)))
    outputs = _turned(outputs).transpose(2, 0, 1, 3)
    return outputs.reshape(batch, steps, len(cells) * units).astype(inputs.dtype)


def _turned(values: Any) -> Any:
    """Turn the time of the backward direction in ``(steps, directions, batch, size)``."""
    return values if values.shape[1] == 1 else jnp.stack([values[:, 0], values[::-1, 1]], axis=1)


def _gru_step(state: Any, by_inputs: Any, by_state: Any, state_bias: Any) -> Any:
    update, reset, candidate = jnp.split(by_inputs, 3, axis=-1)
    update_s, reset_s, candidate_s = jnp.split(by_state + state_bias.astype("float32")[:, None], 3, axis=-1)
    update = jax.nn.sigmoid(update + update_s)
    candidate = jnp.tanh(candidate + jax.nn.sigmoid(reset + reset_s) * candidate_s)
    return (update * state[0] + (1 - update) * candidate,)


def _lstm_step(state: Any, by_inputs: Any, by_state: Any, _: Any) -> Any:
    entry, forget, candidate, exit = jnp.split(by_inputs + by_state, 4, axis=-1)
    cell = jax.nn.sigmoid(forget) * state[1] + jax.nn.sigmoid(entry) * jnp.tanh(candidate)
    return jax.nn.sigmoid(exit) * jnp.tanh(cell), cell


@partial(jax.jit, static_argnums=4)
def ctc_losses(labels: Any, logits: Any, num_labels: Any, steps: Any, blank: int) -> Any:
    """Return the losses that ``asrkit.model.recurrence`` has: those of Keras, compiled also where a step is not."""
    return ops.ctc_loss(labels, logits, num_labels, steps, mask_index=blank)
