"""Load a model only if its bytes are those that are live: the check at the start of a serving process.

    MODELWARDEN_URL=http://127.0.0.1:8321 MODELWARDEN_TOKEN=… python examples/load_what_is_live.py MODEL FILE

Exit code 0: the file is what has to run. 1: it is something else, or nothing is live.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import modelwarden

if TYPE_CHECKING:
    from modelwarden.values.answers import LiveAnswer


def matching(live: LiveAnswer, data: bytes) -> bool:
    """Tell whether these are the bytes that have to run."""
    return live.sha256 is not None and hashlib.sha256(data).hexdigest() == live.sha256


def main(model: str, file: Path) -> int:
    """Compare the file with what is live, and return the exit code."""
    url, token = os.environ["MODELWARDEN_URL"], os.environ["MODELWARDEN_TOKEN"]
    with modelwarden.connect(url, token=token) as warden:
        live = warden.deployments.live(model)
    data = file.read_bytes()  # load the model from these bytes, not from the file again
    if not matching(live, data):
        print(f"{file} is not what is live: {live.version or 'nothing is'}", file=sys.stderr)
        return 1
    print(f"{model}@{live.version}, live since {live.since}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
