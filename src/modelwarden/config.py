"""Settings: every default with its unit. A file, then the environment; unknown keys are errors.

`modelwarden.yaml` holds nested keys (`ledger: {guard_file: …}`); the environment names them flat and in capitals
(`MODELWARDEN_LEDGER_GUARD_FILE`). Secrets are never literals here: keys live in files under `keys.folder`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import SettingInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "MODELWARDEN_"
FIVE_GIB: Final = 5 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one process runs with.

    Attributes:
        url: database URL: `sqlite:///warden.db`, `postgresql://…`, or `sqlite://` for a temporary file.
        keys_folder: where the server's own keys lie; beside a SQLite file by default, required for PostgreSQL.
        artifact_roots: folders below which a server may read artifacts (RL-4); a process reads what its user may.
        artifact_store: folder of uploaded artifacts, named by digest; beside a SQLite file by default.
        artifact_limit_bytes: largest upload.
        default_policy: what governs a model to which no policy is assigned (POL-6); an edition of a preset, since an
            upgrade decides nothing (decision 0022).
        ledger_guard_file: what was signed last, outside the database (LG-24); better on another volume.
        ledger_witness_policy: file that names outside witnesses and how many are enough, as C2SP tlog-policy has it.
        ledger_origin: name of a new ledger; random by default.
        ledger_sign_after: when a head may be signed (LG-24): once `committed`, or once `replicated`, flushed by every
            synchronous standby of a PostgreSQL.
        ledger_public_tiles: the static log (`audit-log/tiles/…`) is for everybody, without a token; else for who holds
            `audit.read` for all of the ledger (LG-52).
        embedded: the process vouches for actors and may read any file its user may.
        host, port: where `serve` listens.
        read_rate, write_rate: requests a second for one actor (AC-70); 0 sets the limit aside.
        behind_proxy: networks whose forwarded headers are believed (AC-74).
        scrub_hours: hours between two verifications of the whole ledger in the background (LG-31); 0 for none.
        sinks: where copies of the ledger go, one address each, as `worm:///srv/worm` (LG-51); spaces between them in
            the environment.
        endpoint_allow: networks inside the house, as 127.0.0.0/8 or 10.1.0.0/16, that webhook endpoints may lie in
            (NO-5); spaces between them in the environment.
        backup_schedule: how often backups are made, as `24h` or `30m`; nobody makes any by default (AC-87).
        backup_targets: where they go, one address each, as `file:///srv/backups` or `s3://bucket/prefix`; spaces
            between them in the environment.
        backup_keep: how many stay at each target.
        audit_open_details: keys of other systems' details that entries show openly, where their values are single words
            (LG-55); spaces between them in the environment.
        switch_dimensions: what scopes of kill switches may name beside the fixed dimensions, at most ten (SG-2); spaces
            between them in the environment.
        guard_fail: what guards do without news for too long: `static` goes on by the last snapshot, `closed` blocks
            (SG-21). It has to be the same in every process that serves.
        drift_by: dimensions by whose values guards count drift apart, at most four (SG-49); spaces between them in the
            environment. It has to be the same in every process that serves.
        drills_environments: where drills may put faults into predictions (SG-53); nowhere where it is empty.
        drills_schedule: drills that run by themselves in staging, one line each, as
            `churn/error/0.05/10m/30d/09:00`: model, fault, share, length, days between, time in UTC; spaces between
            them in the environment.
        drills_overdue_days: days after which a model has to be drilled again.
        mlflow_url: address of an MLflow server whose protected aliases deployments move (RL-40); none by default. Who
            asks is said by `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or `MLFLOW_TRACKING_TOKEN`.
        mlflow_aliases: which aliases are protected, each with the environment whose live version it names, as
            `production=production`; spaces between them in the environment.
        mlflow_put_back: a protected alias that was moved past the gate is moved back (RL-57), not only told of.
        mlflow_webhook_secret_file: the file that holds the secret by which MLflow signs its webhooks (RL-56), two while
            one is replaced; without one none is taken.
        mlflow_import_as: the service account that registers what is new in MLflow each minute (RL-56); by default
            nobody does.
        mlflow_folder: where the files of those versions are kept, below one of `artifact.roots`.
        github_url: where GitHub's REST API is; an Enterprise Server's ends with `/api/v3`.
        github_repository: `owner/name` of the repository that holds the pull requests of releases (RL-47).
        github_app, github_installation: numbers of the GitHub App and of its installation there.
        github_key: the App's private key, by reference: `file:/etc/modelwarden/app.pem` or `env:NAME`.
        github_webhook_secret: what GitHub signs its deliveries with (RL-50), by reference likewise; two, with a space
            between them, while one is replaced. Without one nothing is taken.
        servicenow_url: the ServiceNow instance in which changes are opened and read (RL-51); none by default.
        servicenow_client_id: our account there, for OAuth by client credentials.
        servicenow_certificate: a PEM file with certificate and key, by which the instance knows us instead, or as well.
        servicenow_ca: a PEM file of the authorities that the instance's certificate is checked by; else the machine's.
        servicenow_type: which kind of change is opened: `normal`, `emergency`, or `standard`.
        servicenow_template: `sys_id` of the template of a standard change.
        servicenow_closes: codes of the states through which a change is closed once its version is live, as `0 3`; none
            by default: it gets a work note alone.
        servicenow_close_code: the close code that the last of them is written with.
        servicenow_secret_file: the file that holds the account's secret.
        servicenow_push_secret_file: the file that holds the secret, `whsec_…`, by which the instance signs what it
            pushes (RL-53); without one nothing is taken.
        servicenow_states: codes of the states in which a change lets a version pass (RL-52).
        servicenow_approvers: how many people have to have approved a change.
        servicenow_cab_group: `sys_id` of the group for which one of them has to have been asked; none by default.
        slot_days: days for which counts by the hour are kept (SL-18); minutes stay 6 hours, five minutes 3 days.
    """

    url: str = "sqlite:///warden.db"
    keys_folder: Path | None = None
    artifact_roots: tuple[Path, ...] = ()
    artifact_store: Path | None = None
    artifact_limit_bytes: int = FIVE_GIB
    default_policy: str = "builtin/moderate@1"
    ledger_guard_file: Path | None = None
    ledger_witness_policy: Path | None = None
    ledger_origin: str | None = None
    ledger_sign_after: str = "committed"
    ledger_public_tiles: bool = False
    embedded: bool = True
    host: str = "127.0.0.1"
    port: int = 8321
    read_rate: int = 50
    write_rate: int = 10
    behind_proxy: tuple[str, ...] = ()
    scrub_hours: int = 24
    sinks: tuple[str, ...] = ()
    endpoint_allow: tuple[str, ...] = ()
    backup_schedule: str | None = None
    backup_targets: tuple[str, ...] = ()
    backup_keep: int = 30
    audit_open_details: tuple[str, ...] = ()
    switch_dimensions: tuple[str, ...] = ()
    guard_fail: str = "static"
    drift_by: tuple[str, ...] = ("region",)
    drills_environments: tuple[str, ...] = ("staging",)
    drills_schedule: tuple[str, ...] = ()
    drills_overdue_days: int = 90
    mlflow_url: str | None = None
    mlflow_aliases: tuple[str, ...] = (
        "production=production",
        "champion=production",
        "staging=staging",
    )
    mlflow_put_back: bool = False
    mlflow_webhook_secret_file: Path | None = None
    mlflow_import_as: str | None = None
    mlflow_folder: Path | None = None
    github_url: str = "https://api.github.com"
    github_repository: str | None = None
    github_app: str | None = None
    github_installation: str | None = None
    github_key: str | None = None
    github_webhook_secret: str | None = None
    servicenow_url: str | None = None
    servicenow_client_id: str | None = None
    servicenow_secret_file: Path | None = None
    servicenow_certificate: Path | None = None
    servicenow_ca: Path | None = None
    servicenow_type: str = "normal"
    servicenow_template: str | None = None
    servicenow_closes: tuple[str, ...] = ()
    servicenow_close_code: str = "successful"
    servicenow_push_secret_file: Path | None = None
    servicenow_states: tuple[str, ...] = ("-2", "-1")
    servicenow_approvers: int = 1
    servicenow_cab_group: str | None = None
    slot_days: int = 400

    def __post_init__(self) -> None:
        if self.ledger_sign_after not in {"committed", "replicated"}:
            raise SettingInvalid("ledger.sign_after has to be committed or replicated")
        if self.ledger_sign_after == "replicated" and not self.url.startswith("postgresql"):
            raise SettingInvalid(
                "ledger.sign_after: replicated needs a PostgreSQL with synchronous standbys, and SQLite has none:"
                " leave it at committed"
            )

    @property
    def sqlite_path(self) -> Path | None:
        """Return the SQLite file, or None on another database."""
        scheme, _, rest = self.url.partition(":///")
        return Path(rest) if scheme == "sqlite" and rest else None

    def located(self) -> Settings:
        """Return these settings with every place filled in. Raises SettingInvalid where there is no default."""
        path = self.sqlite_path
        if path is None and self.keys_folder is None:
            raise SettingInvalid(
                "keys.folder has no default on this database: name a folder for the server's keys"
            )
        stem = path.with_suffix("") if path is not None else self.keys_folder or Path()
        return replace(
            self,
            keys_folder=self.keys_folder or Path(f"{stem}.keys"),
            artifact_store=self.artifact_store or Path(f"{stem}.artifacts"),
            ledger_guard_file=self.ledger_guard_file or Path(f"{stem}.guard"),
        )


_KINDS: Final[Mapping[str, str]] = MappingProxyType({f.name: str(f.type) for f in fields(Settings)})


def load(
    chosen: Mapping[str, object] | None = None,
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings in force: defaults, then the file, then the environment, then what was chosen in code.

    Raises:
        SettingInvalid: a key is unknown or a value does not have its form.
    """
    found: dict[str, object] = {}
    path = file or Path("modelwarden.yaml")
    if file is not None or path.exists():
        found |= _from_file(path)
    for name, text in (os.environ if environment is None else environment).items():
        key = name.removeprefix(PREFIX).lower()
        if name.startswith(PREFIX) and key not in _NOT_SETTINGS:
            found[key] = text
    found |= {key: value for key, value in (chosen or {}).items() if value is not None}
    unknown = sorted(set(found) - set(_KINDS))
    if unknown:
        raise SettingInvalid(
            f"no such setting: {', '.join(unknown)}; known are {', '.join(sorted(_KINDS))}"
        )
    return Settings(**{key: _shaped(key, value) for key, value in found.items()})


_NOT_SETTINGS: Final = frozenset(
    {"token", "as", "config", "key_passphrase", "state", "state_dir", "snapshot_keys"}
)
"""Who acts, where the file is, what opens a person's key, what a guard reads: not for the program that serves."""


_SPACED: Final = frozenset(
    {
        "sinks", "endpoint_allow", "backup_targets", "audit_open_details", "switch_dimensions",
        "mlflow_aliases", "drift_by", "drills_environments", "drills_schedule", "servicenow_states",
        "servicenow_closes",
    }
)  # fmt: skip
"""Lists whose items may hold colons: in the environment spaces stand between them."""


def joined(key: str, items: tuple[object, ...]) -> str:
    """Return a list as the environment holds it."""
    return (" " if key in _SPACED else os.pathsep).join(str(item) for item in items)


def _from_file(path: Path) -> dict[str, object]:
    import yaml  # noqa: PLC0415  # only where there is a file

    try:
        document = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise SettingInvalid(f"{path} can't be read as YAML: {error}") from error
    if not isinstance(document, dict):
        raise SettingInvalid(f"{path} has to hold keys and values")
    flat: dict[str, object] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            flat |= {f"{key}_{inner}": item for inner, item in value.items()}
        else:
            flat[str(key)] = value
    return flat


def _shaped(key: str, value: object) -> Any:  # noqa: ANN401  # each setting has its own type
    kind = _KINDS[key]
    try:
        if kind == "bool":
            return value if isinstance(value, bool) else _truth(str(value))
        if kind == "int":
            return int(str(value))
        if kind.startswith("tuple"):
            apart = None if key in _SPACED else os.pathsep
            items = value.split(apart) if isinstance(value, str) else value
            convert = Path if "Path" in kind else str
            return tuple(convert(item) for item in items if item)  # type: ignore[attr-defined]
        return Path(str(value)) if "Path" in kind else str(value)
    except (ValueError, TypeError) as error:
        raise SettingInvalid(f"{key}: {value!r} is not of the form {kind}") from error


def _truth(text: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]
