"""Whether bytes are a pickle, told by its opcodes alone: nothing is ever loaded.

Whoever unpickles runs what the opcodes say up to the first that is none, so a stream counts as a pickle as soon as it
calls something, whatever follows; a file may be a pickle and something else at once. What is too long to be followed
counts as a pickle too.
"""

from __future__ import annotations

import pickletools
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing import BinaryIO

LONGEST: Final = 2**20
"""Bytes of one argument that are looked at; a longer one that the file holds is no accident."""
MOST: Final = 100_000
"""Opcodes that are followed."""
CALLS: Final = frozenset(
    {"REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "STOP"}
)
"""Opcodes with which a stream has done something, or ended as it should."""
_NAME: Final = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_][\w.]*")


class _TooLong(Exception):  # no error: it decides
    """An argument is longer than what is looked at, and is there."""


class _Reader:
    """A file of which no argument is read that is longer than `LONGEST`."""

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self._file, self._size = file, size_bytes

    def read(self, count: int = -1) -> bytes:
        left = self._size - self._file.tell()
        if count > LONGEST:
            if count <= left:
                raise _TooLong
            return b""  # the argument is longer than the file: genops refuses it
        return self._file.read(count)

    def readline(self) -> bytes:
        line = self._file.readline(LONGEST)
        if len(line) == LONGEST and not line.endswith(b"\n"):
            raise _TooLong
        return line.replace(
            b"\\", b"/"
        )  # what an escape means decides nothing, and a wrong one warns

    def tell(self) -> int:
        return self._file.tell()


def is_pickle(file: BinaryIO, size_bytes: int) -> bool:
    """Tell whether unpickling would begin to work on the file, from where it stands."""
    depth: list[int] = [0]
    try:
        for count, (opcode, argument, _place) in enumerate(
            pickletools.genops(_Reader(file, size_bytes))  # type: ignore[arg-type]  # reads and lines are all it takes
        ):
            if not _moves(opcode, argument, depth):
                return False
            if opcode.name in CALLS or count >= MOST:
                return True
    except _TooLong:
        return True
    except (ValueError, OverflowError, MemoryError, IndexError):
        return False
    return False


def _moves(opcode: Any, argument: object, depth: list[int]) -> bool:  # noqa: ANN401  # pickletools has no types for it
    """Follow one opcode on a stack of heights between marks; False where the stack does not hold what it takes."""
    if opcode.name in {"GLOBAL", "INST"} and not _NAME.fullmatch(str(argument)):
        return False
    before, after = list(opcode.stack_before), list(opcode.stack_after)
    if pickletools.markobject in before:
        if len(depth) == 1:
            return False
        depth.pop()
        before = before[: before.index(pickletools.markobject)]
    if depth[-1] < len(before):
        return False
    depth[-1] -= len(before)
    if pickletools.markobject in after:
        depth.append(0)
        return True
    depth[-1] += len(after)
    return True
