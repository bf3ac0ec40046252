"""Uninstall what make setup installed as "asrkit" before it became "asrkit-ctc"; another product of that name stays.

It imports nothing of asrkit: that would come from the very installation that is in the way.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, metadata


def main() -> None:
    try:
        found = metadata("asrkit")
    except PackageNotFoundError:
        return
    if not str(found["Summary"]).startswith("Train a DeepSpeech2, transcribe folders"):
        sys.exit(
            f"asrkit {found['Version']}, another product, is installed in {sys.prefix} and shares a folder with ours: "
            "remove it (pip uninstall asrkit), or set up another environment"
        )
    print(f"removing asrkit {found['Version']}, our distribution's former name", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", "asrkit"], check=True)


if __name__ == "__main__":
    main()
