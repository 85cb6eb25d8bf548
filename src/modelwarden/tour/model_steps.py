"""The first steps: the data, their fingerprints, two models and what they do to people."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from modelwarden.fingerprints.file import fingerprint_file
from modelwarden.tour import arrests, training
from modelwarden.tour.scene import FIRST_VERSION, SECOND_VERSION

if TYPE_CHECKING:
    from modelwarden.tour.scene import Scene
    from modelwarden.tour.telling import Telling
    from modelwarden.tour.training import Measured

ROWS: Final = (3_738, 1_488)
"""Training and later rows of the data that the tour knows (DATA-1)."""
SEES: Final = {FIRST_VERSION: training.ALL_FEATURES, SECOND_VERSION: training.WITHOUT_CITIZEN}


def read_data(scene: Scene, telling: Telling) -> None:
    """Read the data, split them by year, fingerprint every file."""
    source = arrests.data_file()
    found = arrests.read(source)
    rows = (len(found.training), len(found.later))
    telling.expect(rows == ROWS, f"the data have {rows} rows, not {ROWS}")
    folder = scene.folder / "data"
    folder.mkdir()
    shutil.copyfile(source, folder / arrests.FILE)
    arrests.write(found.training, found.header, folder / "training.csv")
    arrests.write(found.later, found.header, folder / "later.csv")
    files = (("training.csv", "training"), ("later.csv", "evaluation"))
    prints = {name: str(fingerprint_file(folder / name).fingerprint) for name, _ in files}
    for name, role in files:
        dataset: dict[str, object] = {
            "name": f"arrests-{name[:-4]}",
            "role": role,
            "fingerprints": [prints[name]],
        }
        scene.datasets.append(dataset)
    scene.arrests = found
    total = sum(rows)
    telling.say(
        f"{total:,} arrests in Toronto, 1997 to 2002, for small amounts of marijuana: was the person released with a"
        " summons? The data come from the installed scikit-lego, and nothing is fetched."
    )
    telling.sheet(
        ("part", "years", "rows", "fingerprint"),
        (
            ("training", "1997 to 2000", f"{rows[0]:,}", _short(prints["training.csv"])),
            ("later", "2001 to 2002", f"{rows[1]:,}", _short(prints["later.csv"])),
        ),
    )
    telling.say(
        "The split is by year, so no random seed decides the story. Colour and sex are kept for measuring; no model"
        " sees them."
    )
    telling.prove(
        f"The archive has the SHA-256 that the tour knows: {arrests.SHA256[:16]}…",
        rows=total,
        training=rows[0],
        later=rows[1],
        sha256=arrests.SHA256,
        fingerprints=prints,
    )


def train_models(scene: Scene, telling: Telling) -> None:
    """Train both models on the early years and measure them on the later ones."""
    data = scene.require_arrests()
    (scene.folder / "models").mkdir()
    found: dict[str, Measured] = {}
    for version, features in SEES.items():
        model = training.train(data.training, features)
        found[version] = training.measure(model, data.later)
        scene.models[version] = model
        scene.metrics[version] = found[version].metrics()
        scene.artifact(version).write_bytes(model.to_bytes())
    telling.say(
        "Two logistic regressions. The first sees age, employment, citizenship and the number of police databases that"
        " know the name. The second does without citizenship."
    )
    telling.sheet(("measured on 1,488 later arrests", *SEES), _comparison(found))
    first, second = found[FIRST_VERSION], found[SECOND_VERSION]
    telling.expect(second.difference < first.difference, "the second model is not the fairer one")
    telling.say(
        f"Leaving citizenship out costs {first.auc - second.auc:.3f} of AUC and narrows the gap between colours from"
        f" {first.difference:.3f} to {second.difference:.3f}. These figures are measured by this tour, and people sign"
        " them below. A policy that refuses a release for such a gap comes with a later version."
    )
    telling.prove(models={version: scene.metrics[version] for version in SEES})


def _comparison(found: dict[str, Measured]) -> list[tuple[str, ...]]:
    groups = sorted(next(iter(found.values())).released)
    rows: list[tuple[str, ...]] = [
        ("area under the curve", *(f"{one.auc:.3f}" for one in found.values())),
        ("right answers", *(f"{one.accuracy:.1%}" for one in found.values())),
    ]
    rows += [
        (f"advises release, {group}", *(f"{one.released[group]:.1%}" for one in found.values()))
        for group in groups
    ]
    rows.append(("parity difference", *(f"{one.difference:.3f}" for one in found.values())))
    rows.append(("parity ratio", *(f"{one.ratio:.3f}" for one in found.values())))
    return rows


def _short(text: str) -> str:
    algorithm, _, digits = text.partition(":")
    return f"{algorithm}:{digits[:16]}…"
