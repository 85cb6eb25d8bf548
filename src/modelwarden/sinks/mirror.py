"""A static log fetched into a folder, from a database or over HTTP: what is new since the last time alone (LG-52).

What arrives is not believed and not checked here: `modelwarden audit verify tiles:///…` does, by a key from elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.ledger.checkpoint import MAX_NOTE_BYTES, unverified_checkpoint
from modelwarden.ledger.tile_paths import CHECKPOINT, VKEY, checkpoint_path, filled, paths_of
from modelwarden.sinks.shelf import FolderShelf
from modelwarden.values.answers import MirrorAnswer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def mirror(
    fetch: Callable[[str], bytes], folder: Path, *, progress: Callable[[int], None] | None = None
) -> MirrorAnswer:
    """Fetch the newest checkpoint and what it needs that the folder lacks; the checkpoint is written last.

    Raises:
        SinkUnusable: the folder can't be written.
        SinkDiffers: it holds another log.
        NoteInvalid: the folder's or the fetched checkpoint does not parse.
    """
    shelf, note, files = FolderShelf(folder.absolute()), fetch(CHECKPOINT), 0
    size = unverified_checkpoint(note).size
    with shelf.alone():
        was = shelf.get(CHECKPOINT, most=MAX_NOTE_BYTES)
        since = 0 if was is None else unverified_checkpoint(was).size
        for files, path in enumerate(paths_of(size, since=since), 1):
            shelf.put(str(path), fetch(str(path)))
            if progress is not None:
                progress(files)
        for name, data in ((VKEY, fetch(VKEY)), (checkpoint_path(size), note)):
            shelf.replace(name, data, was=shelf.get(name, most=MAX_NOTE_BYTES))
        shelf.flush()
        if size >= since:
            shelf.replace(CHECKPOINT, note, was=was)
            for path in filled(size, since=since):
                shelf.remove(path.partials)
    return MirrorAnswer(path=str(folder.absolute()), size=max(size, since), files=files)
