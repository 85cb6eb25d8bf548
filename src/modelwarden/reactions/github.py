"""Pull requests of releases are opened, read again, and told what the gate says (RL-49, RL-50). One process leads.

Every five minutes all of them; at once where GitHub delivered an event, or an approval moved. Nothing is made twice by
a process that is killed: a pull request is found by its marker, a check run by its request, a comment by its number.
"""

from __future__ import annotations

import logging
import re
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from modelwarden.access.identities.mapping import known
from modelwarden.deployments.github import keeping, queries
from modelwarden.deployments.github.asking import Asking, question
from modelwarden.deployments.github.comments import written
from modelwarden.deployments.github.protecting import DEPLOYMENTS, UNREAD, answer, word_on
from modelwarden.deployments.github.pulls import About, opened
from modelwarden.deployments.github.receiving import ACTOR
from modelwarden.deployments.github.reporting import CHECKS, UNREADABLE, report, report_of
from modelwarden.deployments.github.site import Silent
from modelwarden.deployments.github.source import Wanted
from modelwarden.errors import Unreachable, WardenError
from modelwarden.reactions import acts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.config import Settings
    from modelwarden.deployments.github.asking import Question, Told
    from modelwarden.deployments.github.queries import Due
    from modelwarden.deployments.github.site import Site
    from modelwarden.deployments.github.source import GitHub, Looked
    from modelwarden.ledger.entry import Stored
    from modelwarden.store.change import View
    from modelwarden.store.follower import Position
    from modelwarden.values.clock import Clock

NAME: Final = "github"
EVERY_S: Final = 300.0
SOONEST_S: Final = 5.0
"""Between two looks at what was hinted at."""
PAUSE_S: Final = 30.0
"""After GitHub could not be read."""
AT_ONCE: Final = 20
"""Requests of a round before what was hinted at has its turn."""
PATIENCE: Final = timedelta(hours=1)
"""For how long a run waits for what can't be read; then it is rejected."""
OPEN: Final = frozenset({"open", "approved"})
LOG: Final = logging.getLogger("modelwarden.github")
_MOVED: Final = re.compile(rb'"type":"(?:approval|deployment)\.')
_ABOUT: Final = re.compile(rb'"approval:(req_[0-9A-Z]{26})"')


class Acts(acts.Acts, Protocol):
    """What this reaction needs of the Warden besides."""

    @property
    def settings(self) -> Settings:
        """Return what the process runs with."""
        ...

    @property
    def clock(self) -> Clock:
        """Return where "now" comes from."""
        ...


class KeepPulls:
    """A follower's step: what moves here and there makes it look at once, and time at everything."""

    def __init__(
        self,
        warden: Acts,
        site: Site,
        source: GitHub,
        *,
        every_s: float = EVERY_S,
        soonest_s: float = SOONEST_S,
    ) -> None:
        self._warden, self._site, self._source = warden, site, source
        self._every_s, self._soonest_s = every_s, soonest_s
        self._asking = Asking(
            self._view,
            settings=warden.settings,
            sources=lambda: warden.sources,
            now=warden.clock.now,
        )
        self._moved: dict[str, None] = {}
        self._hinted_at = self._rounded_at = self._not_before = float("-inf")

    def begin(self, at: Position, /) -> None:  # noqa: ARG002  # nothing was gathered
        """Look at everything at once: whoever led before may have been killed in between."""
        self._hinted_at = self._rounded_at = float("-inf")

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:  # noqa: ARG002
        """Remember requests that moved."""
        for stored in batch:
            if _MOVED.search(stored.body):
                found = _ABOUT.findall(stored.body)
                self._moved |= dict.fromkeys(each.decode() for each in found)

    def idle(self) -> None:
        """Answer runs that wait, look at what was hinted at, then at the next of all."""
        now = time.monotonic()
        if now < self._not_before:
            return
        try:
            if now - self._hinted_at >= self._soonest_s:
                self._hinted_at = now
                self._take_hints()
            if now - self._rounded_at >= self._every_s and self._round():
                self._rounded_at = now
        except (Silent, Unreachable) as error:  # each further call costs seconds
            self._not_before = time.monotonic() + PAUSE_S
            LOG.warning("pull requests at GitHub wait: %s", error)

    def question(self, request: str) -> Question | None:
        """Return what to ask about a request; None where it is about no release."""
        found: Question | None = self._view(partial(question, request_id=request))
        return found

    def told(self, asked: Question, *, anew: bool) -> Told:
        """Return what the gate says now. Raises ExternalUnreadable, Unreachable."""
        return self._asking.told(asked, partial(self._look, asked), anew=anew)

    def _look(self, asked: Question) -> Looked:
        return self._source.look(Wanted(asked.request.id, asked.lock))

    def _take_hints(self) -> None:
        waiting: list[Due] = self._view(queries.due)
        for run in [each for each in waiting if each.run is not None]:
            self._answer(run)
        hints = [each for each in waiting if each.run is None]
        for request in dict.fromkeys(str(each.request) for each in hints):
            self._keep(request)
            self._done([each for each in hints if each.request == request])
        for request in tuple(self._moved)[:AT_ONCE]:
            self._keep(request)
            del self._moved[request]

    def _round(self) -> bool:
        """Look at the next requests of the round; tell whether that was its end."""
        repository = self._source.repository
        after = self._view(partial(queries.find_round, repository=repository)).after
        found, rest = self._view(partial(keeping.wanted, after=after))
        for request in found[:AT_ONCE]:
            self._keep(request)
            after = request
        is_over = rest is None and len(found) <= AT_ONCE
        after = "" if is_over else after if len(found) > AT_ONCE else str(rest)
        keep = partial(
            queries.keep_round,
            repository=repository,
            after=after,
            begun_at=self._warden.clock.now(),
        )
        self._warden.telemetry(ACTOR, keep)
        return is_over

    def _keep(self, request: str) -> None:
        """Do what a request needs at GitHub; what keeps one from it keeps no other. Raises Silent, Unreachable."""
        try:
            self._kept(request)
        except (Silent, Unreachable):
            raise
        except WardenError as error:
            LOG.warning("the pull request of %s waits: %s", request, error)

    def _kept(self, request: str) -> None:
        asked = self.question(request)
        if asked is None or not self._is_wanted(asked):
            return
        number = self._opened(asked)
        if number is None:
            return
        self._copy_comments(asked, number)
        if self._site.may_write(CHECKS):
            self._report(asked)

    def _is_wanted(self, asked: Question) -> bool:
        return any(
            each.system == NAME and each.environment is asked.request.environment
            for each in asked.candidate.asked
        )

    def _opened(self, asked: Question) -> int | None:
        about = About(asked.request.id, asked.version.name, asked.request.environment, asked.lock)
        number = opened(
            self._site, self._source.repository, about, makes=asked.request.state.value in OPEN
        )
        if number is not None:
            self._warden.change(ACTOR, partial(keeping.keep_pull, asked=asked, number=number))
        return number

    def _report(self, asked: Question) -> None:
        """Let the check run at the reviewed commit say what the gate says; a commit that came since has none."""
        request = asked.request.id
        try:
            told = self.told(asked, anew=False)
            looked, what = told.looked, report_of(told.verdict, name=str(asked.version.name))
        except (Silent, Unreachable):
            raise
        except WardenError as error:
            LOG.warning("the gate can't be read for %s: %s", request, error)
            looked, what = self._look(asked), UNREADABLE
        if looked.number is not None:
            commit = looked.commits[0]
            is_new = report(
                self._site, self._source.repository, request=request, commit=commit, what=what
            )
            if is_new:
                keep = partial(
                    keeping.keep_report,
                    asked=asked,
                    number=looked.number,
                    commit=commit,
                    what=what,
                )
                self._warden.change(ACTOR, keep)
        said = None if looked.number is None else what.conclusion
        self._warden.telemetry(ACTOR, partial(queries.keep_said, request=request, said=said))

    def _copy_comments(self, asked: Question, number: int) -> None:
        """Copy what people wrote whom the identity map knows: others' words nobody could erase by person."""
        request = asked.request.id
        before: frozenset[str] = self._view(partial(queries.copied, request=request))
        found = written(self._site, self._source.repository, number)
        new = [each for each in found if each.id not in before]
        room = max(0, queries.MOST_COMMENTS - len(before))
        accounts = [str(each.account) for each in new]
        persons = self._view(partial(known, issuer=self._source.issuer, subjects=accounts))
        ours = [each for each in new if str(each.account) in persons]
        for each in ours[:room]:
            person = persons[str(each.account)].person
            keep = partial(keeping.keep_comment, request=request, comment=each, person=person)
            self._warden.change(ACTOR, keep)

    def _answer(self, waiting: Due) -> None:
        """Answer a run that waits for our word on an environment. Raises Silent, Unreachable."""
        if waiting.run is None or not self._site.may_write(DEPLOYMENTS):
            self._done([waiting])
            return
        at, run, environment = self._source.repository, waiting.run, waiting.environment or ""
        try:
            word = word_on(self._site, at, self, run=run, environment=environment)
        except (Silent, Unreachable):
            raise
        except WardenError as error:
            LOG.warning("run %d at GitHub waits: %s", run, error)
            if self._warden.clock.now() - waiting.at < PATIENCE:
                return
            word = UNREAD
        if word and answer(self._site, at, word, run=run, environment=environment):
            self._warden.change(ACTOR, partial(keeping.keep_answer, word=word, run=run))
        self._done([waiting])

    def _done(self, ended: list[Due]) -> None:
        self._warden.telemetry(ACTOR, partial(queries.done, ended=ended))

    def _view(self, action: Callable[[View], Any]) -> Any:  # noqa: ANN401  # whatever was asked
        return self._warden.view(ACTOR, action)
