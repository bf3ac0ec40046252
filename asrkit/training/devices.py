"""The devices a network trains on."""

from __future__ import annotations

from typing import Any

import keras


def device_name() -> str:
    """Return what the backend runs on, such as ``cpu`` or ``2 x gpu``."""
    names = [name.partition(":")[0] for name in _devices()]
    kind = next((name for name in names if name != "cpu"), "cpu")
    count = names.count(kind)
    return f"{count} x {kind}" if count > 1 else kind


def device_memory_mb() -> float | None:
    """Return the most memory that the first accelerator has held, or None where there is none or it does not tell."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    if not tf.config.list_logical_devices("GPU"):
        return None
    return float(tf.config.experimental.get_memory_info("GPU:0")["peak"]) / 2**20


def _devices() -> list[str]:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return [f"{device.device_type.lower()}:{device.name}" for device in tf.config.list_logical_devices()]
    if keras.backend.backend() == "jax":
        jax: Any = __import__("jax")
        return [f"{device.platform}:{device.id}" for device in jax.devices()]
    return ["cpu"]
