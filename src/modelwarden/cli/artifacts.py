"""`modelwarden artifacts`: sign the files of a model, and check a signature, as OpenSSF `model_signing` does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from modelwarden.cli.keys import signing_key
from modelwarden.cli.options import KEY_SOURCE
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb
from modelwarden.errors import Unreadable

artifacts: Final = noun("artifacts", "Signatures over the files of a model.")

PathArgument = Annotated[Path, typer.Argument(metavar="PATH", exists=True)]


@verb(artifacts)
def sign(  # noqa: PLR0913  # what is signed, with what, under which rules
    run: Run,
    path: PathArgument,
    *,
    key: Annotated[
        str, typer.Option("--key", metavar=KEY_SOURCE, help="P-256, for others to verify it.")
    ],
    signature: Annotated[Path, typer.Option("--signature", metavar="FILE", help="To be written.")],
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="PATH", help="In the folder, with all below it."),
    ] = None,
    git: Annotated[
        bool, typer.Option("--ignore-git/--no-ignore-git", help="Git's own files too.")
    ] = True,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="A link stands for the file it leads to.")
    ] = False,
) -> None:
    """Sign every file of a folder, or one file; `model_signing verify key` accepts what a P-256 key signed."""
    from modelwarden.fingerprints import model_signature as model  # noqa: PLC0415  # not for every command
    from modelwarden.fingerprints.resources import read_resources  # noqa: PLC0415

    own = _within(signature, path)
    left_out = (*(ignore or ()), *(model.GIT if git else ()), *([own] if own else []))
    signing = signing_key(key, run.environment)
    with run.screen.steps("hash") as report:
        found = read_resources(path, ignore=left_out, follow_links=follow_links, progress=report)
    data = model.sign(found, signing, ignore=left_out, follow_links=follow_links)
    _replace(signature, data)
    run.screen.show_fields(
        {
            "signature": str(signature),
            "key": signing.public.keyid,
            "files": len(found.digests),
            "ignored": list(left_out),
        }
    )


@verb(artifacts)
def verify(
    run: Run,
    path: PathArgument,
    *,
    signature: Annotated[
        Path, typer.Option("--signature", metavar="FILE", exists=True, dir_okay=False)
    ],
    key: Annotated[
        Path, typer.Option("--key", metavar="FILE", exists=True, help="The public key, PEM.")
    ],
) -> None:
    """Check on files alone that these are the files that the key signed: none changed, missing or too many."""
    from modelwarden.fingerprints import model_signature as model  # noqa: PLC0415  # not for every command
    from modelwarden.ledger.keys import PublicKey  # noqa: PLC0415

    public = PublicKey.from_pem(key.read_text("utf-8"))
    said = model.read_signature(signature.read_bytes(), public)
    with run.screen.steps("hash") as report:
        found = model.verify(path, said, progress=report)
    run.screen.show_fields(
        {
            "name": said.name,
            "key": public.keyid,
            "files": len(found.digests),
            "ignored": list(said.ignore),
        }
    )


def _within(signature: Path, folder: Path) -> str | None:
    """Return where in the folder the signature will lie: it can't sign itself."""
    place, root = Path(os.path.realpath(signature)), Path(os.path.realpath(folder))
    return (
        place.relative_to(root).as_posix() if place != root and place.is_relative_to(root) else None
    )


def _replace(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise Unreadable(f"{str(file)!r} can't be written: {error.strerror}") from error
