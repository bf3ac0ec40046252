"""What PyTorch computes much faster than through Keras' portable operations.

With a mask Keras loops over the steps of a recurrent layer in Python. On a GPU, PyTorch's own kernels (cuDNN) give
unpadded answers from padded arrays here: an input column that marks the padding closes a gate there, so that the
backward direction reaches an utterance's last step with its state still 0. Packed sequences would need the lengths on
the host, and the host to wait for the GPU. On a CPU those kernels are a loop too, and a GRU goes through
``native_recurrence``.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from asrkit.model import native_recurrence

# Of the marking column, which is as wide as matrix units like: the gate is closed to the last bit in any precision.
_MARKS = 8
_CLOSED = 1e3

# cuDNN gets weights that are put together for each call, and PyTorch would speak of it on the terminal.
warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")


def recurrence(cells: list[Any], inputs: Any, lengths: Any) -> Any:
    """Run one or both directions of a GRU or LSTM layer, as ``asrkit.model.recurrence`` has it.

    Inputs must be finite beyond each length, too, and lengths on their device.
    """
    is_gru = cells[0].recurrent_kernel.shape[1] == 3 * cells[0].units
    if is_gru and inputs.device.type == "cpu" and native_recurrence.is_available():
        return _native_gru(cells, inputs, lengths)
    return kernel_recurrence(cells, inputs, lengths)


def kernel_recurrence(cells: list[Any], inputs: Any, lengths: Any) -> Any:
    """Run the same by PyTorch's kernels for whole layers, wherever the inputs are."""
    is_gru = cells[0].recurrent_kernel.shape[1] == 3 * cells[0].units
    # cuDNN has no bfloat16 everywhere, and a state needs more digits; float16 it has.
    dtype = torch.float16 if inputs.is_cuda and inputs.dtype == torch.float16 else torch.float32
    weights = [weight.to(dtype) for cell in cells for weight in _weights(cell, is_gru)]
    outside = torch.arange(inputs.shape[1], device=inputs.device) >= lengths[:, None]
    marks = outside[:, :, None].to(dtype).expand(-1, -1, _MARKS)
    state = inputs.new_zeros((len(cells), inputs.shape[0], cells[0].units), dtype=dtype)
    # has biases, layers, dropout, training, bidirectional, batch first
    options = (True, 1, 0.0, torch.is_grad_enabled(), len(cells) == 2, True)
    marked = torch.cat([inputs.to(dtype), marks], dim=2)
    run, states = (torch._VF.gru, state) if is_gru else (torch._VF.lstm, (state, state))
    outputs = run(marked, states, weights, *options)[0]
    return outputs.masked_fill(outside[:, :, None], 0.0).to(inputs.dtype)


def _weights(cell: Any, is_gru: bool) -> list[Any]:
    """Return a cell's weights as PyTorch has them, those of the marks among them, with Keras' variables behind.

    A GRU has update, reset, candidate in Keras and reset first in PyTorch; an LSTM has in both
    input, forget, candidate, output.
    """
    kernel, recurrent, bias = (v.value for v in (cell.kernel, cell.recurrent_kernel, cell.bias))
    # Both have the gate first by which a GRU holds its state, and an LSTM takes nothing in.
    held = kernel.new_zeros((_MARKS, kernel.shape[1]))
    held[:, : cell.units] = _CLOSED if is_gru else -_CLOSED
    weights = [torch.cat([kernel, held]).T, recurrent.T]
    weights += list(bias) if is_gru else [bias, torch.zeros_like(bias)]
    return [_reset_first(weight) if is_gru else weight.contiguous() for weight in weights]


def _reset_first(weight: Any) -> Any:
    update, reset, candidate = weight.chunk(3)
    return torch.cat([reset, update, candidate])


def _native_gru(cells: list[Any], inputs: Any, lengths: Any) -> Any:
    batch, steps, size = inputs.shape
    kernel = torch.cat([cell.kernel.value for cell in cells], dim=1)
    bias = torch.stack([cell.bias.value for cell in cells]).float()
    recurrent = torch.stack([cell.recurrent_kernel.value for cell in cells]).float()
    projected = (inputs.reshape(-1, size) @ kernel.to(inputs.dtype)).float() + bias[:, 0].flatten()
    projected = projected.reshape(batch, steps, len(cells), -1)
    instructions = native_recurrence.instructions(coarse=inputs.dtype == torch.bfloat16)
    outputs = _NativeGru.apply(projected, recurrent, bias[:, 1].contiguous(), lengths.int(), instructions)
    return outputs.reshape(batch, steps, -1).to(inputs.dtype)


class _NativeGru(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, projected: Any, recurrent: Any, bias: Any, lengths: Any, instructions: int) -> Any:
        given = [tensor.numpy() for tensor in (projected, recurrent, bias, lengths)]
        outputs, kept = map(torch.from_numpy, native_recurrence.forward(instructions, *given))
        context.save_for_backward(recurrent, bias, lengths, outputs, kept)
        context.instructions = instructions
        return outputs

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        given = [tensor.detach().numpy() for tensor in (*context.saved_tensors, gradients[0].contiguous())]
        by_projected, by_states = map(torch.from_numpy, native_recurrence.backward(context.instructions, *given))
        outputs = context.saved_tensors[3]
        before = torch.zeros_like(outputs)
        before[:, 1:, 0] = outputs[:, :-1, 0]
        before[:, :-1, 1:] = outputs[:, 1:, 1:]  # time runs the other way
        by_recurrent = torch.einsum("btdu,btdg->dug", before, by_states)
        return by_projected, by_recurrent, by_states.sum((0, 1)), None, None


def ctc_losses(labels: Any, logits: Any, num_labels: Any, steps: Any, blank: int) -> Any:
    """Return the losses that ``asrkit.model.recurrence`` has; infinite ones where the labels do not fit the steps.

    PyTorch wants the lengths on the host, where arrays are.
    """
    log_probs = torch.log_softmax(logits.float(), dim=-1).transpose(0, 1)
    labels = torch.as_tensor(labels, device=logits.device)
    lengths = [torch.as_tensor(length, device="cpu").long() for length in (steps, num_labels)]
    return torch.nn.functional.ctc_loss(log_probs, labels, *lengths, blank=blank, reduction="none")
