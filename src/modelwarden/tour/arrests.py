"""The *Arrests* data, read from the installed scikit-lego distribution without importing it (DATA-1).

5,226 arrests in Toronto, 1997 to 2002, for possession of small amounts of marijuana: was the person released with a
summons? First published in the Toronto Star. Colour and sex stand in it, so that a model's effect can be measured.
"""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import DigestMismatch, ExtraMissing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DISTRIBUTION: Final = "scikit-lego"
FILE: Final = "arrests.zip"
SHA256: Final = "330f08cf2d5a2caedada35864b7a423b0b26c542c2d6f8122511048950a26c85"
LAST_TRAINING_YEAR: Final = 2000
FEATURES: Final = ("age", "employed", "citizen", "checks")
INSTALL: Final = "pip install 'modelwarden[demo]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrest:
    """One row. `features` are what a model may see; colour and sex are kept for measuring alone."""

    year: int
    released: bool
    colour: str
    sex: str
    features: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrests:
    """All rows, split by year, so that no seed decides the story."""

    header: tuple[str, ...]
    training: tuple[Arrest, ...]
    later: tuple[Arrest, ...]


def require_extra() -> None:
    """Raise ExtraMissing, which says what to install, unless the tour's packages are there."""
    missing = [name for name in ("sklearn", "sklego") if find_spec(name) is None]
    if missing:
        raise ExtraMissing(
            f"the tour trains on real data and needs scikit-learn and scikit-lego: {INSTALL}"
        )


def data_file() -> Path:
    """Return where the data lies. Raises ExtraMissing, and DigestMismatch for other bytes than known."""
    try:
        listed = distribution(DISTRIBUTION).files or []
    except PackageNotFoundError as error:
        raise ExtraMissing(f"the data come with {DISTRIBUTION}: {INSTALL}") from error
    places = [Path(str(file.locate())) for file in listed if file.name == FILE]
    if not places or not places[0].is_file():
        raise ExtraMissing(f"{DISTRIBUTION} is installed without {FILE}: {INSTALL}")
    found = sha256(places[0].read_bytes()).hexdigest()
    if found != SHA256:
        raise DigestMismatch(f"{FILE} has SHA-256 {found}; the tour knows {SHA256}")
    return places[0]


def read(path: Path) -> Arrests:
    """Read the archive."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode("utf-8")
    reader = csv.DictReader(io.StringIO(text))
    rows = tuple(_arrest(row) for row in reader)
    return Arrests(
        header=("year", "released", "colour", "sex", *FEATURES),
        training=tuple(row for row in rows if row.year <= LAST_TRAINING_YEAR),
        later=tuple(row for row in rows if row.year > LAST_TRAINING_YEAR),
    )


def write(rows: Sequence[Arrest], header: Sequence[str], path: Path) -> None:
    """Write rows as CSV, in their order."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            numbers = [f"{row.features[name]:g}" for name in FEATURES]
            writer.writerow([row.year, int(row.released), row.colour, row.sex, *numbers])


def _arrest(row: Mapping[str, str]) -> Arrest:
    features = {
        "age": float(row["age"]),
        "employed": float(row["employed"] == "Yes"),
        "citizen": float(row["citizen"] == "Yes"),
        "checks": float(row["checks"]),
    }
    return Arrest(
        year=int(row["year"]),
        released=row["released"] == "Yes",
        colour=row["colour"],
        sex=row["sex"],
        features=MappingProxyType(features),
    )
