#!/usr/bin/env python3
"""Write the pages of docs/reference that repeat what the code says.

`python scripts/reference.py` writes them, `python scripts/reference.py FOLDER` writes them elsewhere;
`tests/docs/test_reference.py` fails while a committed page differs. Pages written by hand (the index, benchmarks) are
left alone. Nothing here opens a database: it reads what the program declares.
"""

from __future__ import annotations

import sys
from dataclasses import MISSING, fields
from inspect import cleandoc
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reference_doors import commands, rest, sdk
from reference_policy import policy_document, schema_text
from reference_schema import database
from reference_text import code, page, sentence, table

from modelwarden import config, errors
from modelwarden.facts.catalogue import KINDS, SOURCE_NAMES
from modelwarden.permissions import (
    ALIASES,
    OWNING,
    ROLE_PERMISSIONS,
    SENSITIVE,
    SINGLY_GRANTED,
    BuiltInRole,
    Permission,
)
from modelwarden.policies.built_in import editions, preset_text
from modelwarden.safeguards.severity.failure_modes import failure_modes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "docs" / "reference"
FAMILIES: Final = MappingProxyType(
    {
        errors.Refusal: "Refusals: recorded in the ledger although nothing else is",
        errors.EvidenceError: "Evidence that does not hold",
        errors.OperatorError: "For whoever runs the server",
        errors.CallerError: "For the caller",
    }
)


def permissions() -> str:
    """Return the matrix of roles and permissions."""
    rows = [
        [
            code(each),
            *("x" if each in ROLE_PERMISSIONS[role] else "" for role in BuiltInRole),
            "x" if each in SENSITIVE else "",
        ]
        for each in Permission
    ]
    aliases = ([code(name), ", ".join(code(p) for p in meant)] for name, meant in ALIASES.items())
    singly = ", ".join(code(each) for each in Permission if each in SINGLY_GRANTED)
    return page(
        "Permissions",
        "Which built-in role holds what. A role of your own holds what you put into it "
        "(`modelwarden roles define`), within the same ceilings. *Recorded* means that the ledger has an entry for "
        "each use, also where the action itself records nothing.",
        table(["permission", *BuiltInRole, "recorded"], rows),
        f"{singly} come with no built-in role: grant them by a role of your own.",
        "The owner of a model holds "
        + ", ".join(code(each) for each in Permission if each in OWNING)
        + " on it without any role.",
        "## Ceilings\n\nNo role lifts these. A service account never holds `approval.decide`, `model.approve` or "
        "`switch.release`; a third party stops nothing either. "
        "One person never holds what decides together with what administers, and whoever is an auditor holds nothing "
        "that changes what is governed; both count all accounts of the person.",
        "## Names understood when asking\n\n`modelwarden users may` and its route also take these names. They are no "
        "permissions of their own.",
        table(["name", "means"], aliases),
    )


def error_codes() -> str:
    """Return every code, by who can act."""
    found: dict[type, list[type[errors.WardenError]]] = {family: [] for family in FAMILIES}
    for each in vars(errors).values():
        if isinstance(each, type) and issubclass(each, errors.WardenError) and each not in FAMILIES:
            family = next((f for f in FAMILIES if issubclass(each, f)), None)
            if family is not None:
                found[family].append(each)
    sections = [
        f"## {FAMILIES[family]}\n\n"
        + table(
            ["code", "status", "meaning", "class"],
            (
                [code(e.code), e.status, sentence(e.__doc__), code(e.__name__)]
                for e in sorted(classes, key=lambda e: (e.code, e.__name__))
            ),
        )
        for family, classes in found.items()
    ]
    return page(
        "Errors",
        "Codes are stable. Over HTTP an error is `application/problem+json` with the code in `code`; in Python it is "
        "a class of `modelwarden.errors` with the code as an attribute; the command line ends with its exit code. "
        "What to do about the common ones stands in [troubleshooting](../how-to/troubleshooting.md).",
        *sections,
    )


def facts() -> str:
    """Return every type of entry."""
    families: dict[str, list[str]] = {}
    for kind in KINDS.values():
        held = [
            [
                code(field.name),
                code(field.type),
                "yes" if field.name in dict(kind.subject_fields) else "",
            ]
            for field in fields(kind.fact)
        ]
        families.setdefault(kind.family.value, []).append(
            f"### {kind.type}\n\n{sentence(kind.fact.__doc__)} Severity {kind.severity.value}.\n\n"
            + table(["field", "type", "searchable subject"], held)
        )
    names = ([code(n), ", ".join(code(t) for t in types)] for n, types in SOURCE_NAMES.items())
    return page(
        "Facts",
        "What can stand in the ledger, by family. An entry holds one fact with who, when and where. Fields hold ids, "
        "words from fixed lists, numbers, times and digests. `Commitment` is the salted digest of words that are "
        "stored encrypted beside the ledger and can be erased. A refused or failed action has at least severity "
        "WARNING. Fields marked as subject make the entry findable, as in `model:churn`.",
        *(
            f"## Family {family}\n\n" + "\n\n".join(part.strip() for part in parts)
            for family, parts in sorted(families.items())
        ),
        "## Names understood in a search\n\n" + table(["name", "searches for"], names),
    )


def settings() -> str:
    """Return every setting with its default."""
    meanings = dict(attributes(config.Settings.__doc__ or ""))
    rows = [
        [
            code(field.name),
            code(f"{config.PREFIX}{field.name.upper()}"),
            default_of(field),
            meanings[field.name],
        ]
        for field in fields(config.Settings)
        if field.name in meanings
    ]
    return page(
        "Settings",
        "Read in this order, the later winning: the default, `modelwarden.yaml` in the working folder (or the file "
        f"that `{config.PREFIX}CONFIG` names), the environment, what the program chose in code. An unknown name is "
        "an error. In the file a name may be nested once: `keys: {folder: …}` is `keys_folder`. Lists are YAML "
        "lists in the file, and joined by `:` in the environment. No setting holds a secret.",
        table(["name", "environment", "default", "meaning"], rows),
        "## For the command line alone\n\n"
        + table(
            ["environment", "meaning"],
            [
                [
                    code(f"{config.PREFIX}URL"),
                    "also the http address of a server, which then does the work",
                ],
                [code(f"{config.PREFIX}TOKEN"), "the token of whoever acts"],
                [code(f"{config.PREFIX}AS"), "who acts on a database URL, as `--as` does"],
                [code(f"{config.PREFIX}CONFIG"), "the settings file"],
                [
                    code(f"{config.PREFIX}KEY_PASSPHRASE"),
                    "opens an encrypted private key; asked for if absent",
                ],
            ],
        ),
    )


def attributes(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield each name and meaning of an `Attributes:` section; names that share a line share the meaning."""
    section = cleandoc(docstring).partition("Attributes:\n")[2]
    for names, _, meaning in (line.strip().partition(": ") for line in section.splitlines()):
        yield from ((name.strip(), sentence(meaning)) for name in names.split(",") if meaning)


def default_of(field: Any) -> str:  # noqa: ANN401  # a dataclass field
    """Return a default as a reader writes it."""
    if field.default is MISSING or field.default is None or field.default == ():
        return "none"
    return code(str(field.default).lower() if isinstance(field.default, bool) else field.default)


def presets() -> str:
    """Return the policies that come with the program, as they are."""
    parts = [
        f"## {version.id}\n\nSHA-256 `{version.hash}`.\n\n```yaml\n{preset_text(version)}```"
        for of in editions().values()
        for version in of
    ]
    return page(
        "Policy presets",
        "The policies that come with the program. `default_policy` (see [settings](settings.md)) says which governs "
        "a model to which nothing is assigned. They can't be changed; publish one of your own to differ. The hash is "
        "that of the resolved document, with all defaults written out, and is part of what approvers sign.",
        "An edition that was released never changes, and stays beside the next one. The name alone, without `@`, "
        "means the newest: so does an assignment. Without an assignment `builtin/moderate@1` governs, whatever the "
        "program is upgraded to; the [decision](../decisions/0022-presets.md) says why.",
        "A drill is asked for where a version goes to production, and counts where it was made, in staging; in staging "
        "itself the check does not apply. Under `moderate` a drill that failed stops a release, one that is missing or "
        "too old is shown; under `strict` each of them stops it. The first release of a model has no version to "
        "share traffic with and takes all of it at once, whatever the rollout.",
        "Left out, since the program has nothing yet that they could be held to: model cards and documented data "
        "sheets (a dataset's fingerprint stands in for the sheet), fairness, monitoring, how "
        "often an audit is due, what a block opens, and a risk assessment (an unclassified model has the tier that it "
        "was registered with). `metric`, `metric_delta`, `findings` and `field` need limits that only you know, and "
        "no preset guesses them.",
        *parts,
    )


def modes() -> str:
    """Return the ways in which models fail."""
    rows = [
        [
            code(mode.name),
            mode.cause,
            ", ".join(code(each) for each in mode.detectors),
            mode.severity.value,
            mode.action,
            f"[{mode.runbook.partition('/')[2].removesuffix('.md')}](../{mode.runbook})",
            code(mode.proving_fault) if mode.proving_fault else "",
        ]
        for mode in failure_modes()
    ]
    return page(
        "Failure modes",
        "The ways in which a served model fails. Detectors are signals of [triggers](../how-to/triggers.md); what "
        "begins "
        "with `built_in.` is on for each model whose guards are heard of, and `check.` is asked elsewhere. "
        "`modelwarden kill failure-modes MODEL` says which of them are on for a model; one with none is uncovered. The "
        "proving fault is what a drill makes happen to see that the detector notices.",
        table(
            ["mode", "cause", "detectors", "severity", "action", "how-to", "proving fault"], rows
        ),
    )


PAGES: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "permissions.md": permissions,
        "schema.md": database,
        "errors.md": error_codes,
        "facts.md": facts,
        "settings.md": settings,
        "cli.md": commands,
        "sdk.md": sdk,
        "rest.md": rest,
        "policy-presets.md": presets,
        "policy.md": policy_document,
        "policy.schema.json": schema_text,
        "failure-modes.md": modes,
    }
)


def main(folder: Path) -> None:
    """Write all pages into a folder."""
    for name, made in PAGES.items():
        (folder / name).write_text(made(), encoding="utf-8")
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
