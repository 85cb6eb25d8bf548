"""One run of a command: who acts, on which database or server, and where the answer goes.

`MODELWARDEN_URL` is a database URL, opened in this process, or the http address of a server. Who acts is whom
`MODELWARDEN_TOKEN` stands for; on a database URL `--as NAME` will do, vouched for by this process (AC-5).
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import typer

from modelwarden.cli.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelwarden.client.audit_room import Audit as RemoteAudit
    from modelwarden.client.remote import Remote
    from modelwarden.config import Settings
    from modelwarden.warden.audit_room import Audit as EmbeddedAudit
    from modelwarden.warden.rooms import Rooms
    from modelwarden.warden.warden import Warden

    AnyRooms: TypeAlias = Rooms | Remote
    AnyAudit: TypeAlias = EmbeddedAudit | RemoteAudit

URL: Final = "MODELWARDEN_URL"
TOKEN: Final = "MODELWARDEN_TOKEN"  # noqa: S105  # the name of a variable
AS: Final = "MODELWARDEN_AS"
CONFIG: Final = "MODELWARDEN_CONFIG"
REMOTE: Final = ("http://", "https://")


class Run:
    """What a verb works with. What it opened is closed when it ends."""

    def __init__(
        self, *, acting_as: str | None, as_json: bool, environment: Mapping[str, str] = os.environ
    ) -> None:
        self.screen: Final = Screen(as_json=as_json)
        self.environment: Final = environment
        self.acting_as: Final = acting_as or environment.get(AS)
        self._opened: list[Callable[[], None]] = []

    @property
    def url(self) -> str | None:
        """Return the address that was named, if one was."""
        return self.environment.get(URL)

    @property
    def is_remote(self) -> bool:
        """Tell whether commands go to a server."""
        return (self.url or "").startswith(REMOTE)

    @property
    def acts(self) -> bool:
        """Tell whether it was said who acts."""
        return self.acting_as is not None or TOKEN in self.environment

    @cached_property
    def settings(self) -> Settings:
        """Return the settings of this host. Raises SettingInvalid."""
        from modelwarden import config  # noqa: PLC0415  # not needed against a server

        named = self.environment.get(CONFIG)
        return config.load(file=Path(named) if named else None, environment=self.environment)

    @cached_property
    def warden(self) -> Warden:
        """Open the database here. Raises what `open_warden` raises, and a usage error against a server."""
        if self.is_remote:
            raise typer.BadParameter(
                f"this works on the database itself; set {URL} to a database URL, not to a server"
            )
        from modelwarden.warden.warden import Warden  # noqa: PLC0415  # slow to import

        warden = Warden(self.settings)
        self._opened.append(warden.close)
        return warden

    @cached_property
    def rooms(self) -> AnyRooms:
        """Return the rooms of whoever acts. Raises Unauthenticated, ActorNotFound, and usage errors."""
        token = self.environment.get(TOKEN)
        if self.is_remote:
            return self._connected(token)
        if self.acting_as is not None:
            return self.warden.acting_as(self.acting_as)
        if token is None:
            raise typer.BadParameter(f"say who acts: --as NAME, or a token in {TOKEN}")
        return self.warden.bound(self.warden.authenticate(token))

    @property
    def audit(self) -> AnyAudit:
        """Return the room of the ledger; on a database URL without anybody who acts, as this process."""
        return self.rooms.audit if self.is_remote or self.acts else self.warden.audit

    def close(self) -> None:
        """Close what was opened, last first."""
        while self._opened:
            self._opened.pop()()

    def _connected(self, token: str | None) -> Remote:
        if self.acting_as is not None:
            raise typer.BadParameter(
                f"--as is for a database URL: against a server, the token in {TOKEN} says who acts"
            )
        if token is None:
            raise typer.BadParameter(f"a server wants a token in {TOKEN}")
        from modelwarden.client.remote import connect  # noqa: PLC0415  # not needed embedded

        remote = connect(self.url or "", token=token, progress=self.screen.progress)
        self._opened.append(remote.close)
        return remote
