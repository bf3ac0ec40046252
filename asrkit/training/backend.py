"""Starting Keras' backend."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_backend() -> Iterator[None]:
    """Keep TensorFlow's start-up messages, which tell nothing, off the terminal; ``TF_CPP_MIN_LOG_LEVEL=0`` shows them.

    It writes them to file descriptor 2 before any of its own settings is read.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)
