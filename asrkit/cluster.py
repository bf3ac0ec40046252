"""Ray, which spreads runs over machines: where it is, and no word of it on the terminal."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from asrkit.errors import AsrkitError
from asrkit.packages import needed, silenced

_ANSWER_S = 10.0


def connect(address: str | None, num_cpus: int, failure: type[AsrkitError]) -> tuple[Any, bool]:
    """Connect to a Ray cluster, unless this process has joined one; return the package, and whether to shut it down.

    Args:
        address: ``HOST:PORT`` of a running one, or ``auto``; None starts Ray on this machine for this run.
        num_cpus: Of the one that is started.
        failure: What to raise where there is none.

    Raises:
        MissingPackageError: Ray is not installed.
        AsrkitError: Of the kind asked for.
    """
    with needed("--runner ray", "ray"):
        os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # else a death is told on stdout, too
        if address is not None:
            os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")  # 20 else, of 40 s each where nobody answers
        import ray
    if ray.is_initialized():
        return ray, False
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {"num_cpus": num_cpus, "include_dashboard": False}
    where, advice = "on this machine", ""
    try:
        if address is not None:
            where = f"at {address}"
            host, _, port = address.rpartition("://")[2].rpartition(":")
            if port.isdecimal():
                socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
                advice = "; where it asks for a token, set RAY_AUTH_MODE=token"
        with silenced():
            ray.init(address=address or "local", **options)
    except Exception as error:  # of any kind: a slow start is a bare Exception
        why = getattr(error, "strerror", None) or first_line(error)
        raise failure(f"no Ray cluster {where}: {why}{advice}") from None
    return ray, True


def first_line(error: Exception) -> str:
    """Return how an error of Ray begins; pages follow."""
    return str(error).strip().split("\n")[0] or type(error).__name__
