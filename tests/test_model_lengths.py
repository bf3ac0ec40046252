"""Length arithmetic: what the network, its graph and the feasibility check agree on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asrkit.config import ConvLayer, ModelConfig
from asrkit.model.lengths import output_bins, output_lengths, padding


def convolved(size: int, kernel: int, stride: int) -> int:
    """Count the outputs of a padded convolution the slow way: by placing the kernel."""
    before, after = padding(kernel)
    return len(range(0, before + size + after - kernel + 1, stride))


@given(
    frames=st.integers(1, 300),
    layers=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 4)), min_size=1, max_size=3),
)
def test_lengths_are_those_of_the_convolutions(frames, layers):
    config = ModelConfig(
        conv_layers=tuple(
            ConvLayer(kernel_frames=kernel, stride_frames=stride, kernel_bins=kernel, stride_bins=stride)
            for kernel, stride in layers
        )
    )
    expected = frames
    for kernel, stride in layers:
        expected = convolved(expected, kernel, stride)
    assert output_lengths(frames, config) == expected
    assert output_bins(frames, config) == expected


def test_no_frame_is_lost():
    assert all(output_lengths(n, ModelConfig()) == int(np.ceil(np.ceil(n / 2) / 2)) for n in range(1, 50))
