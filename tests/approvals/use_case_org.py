"""A company with a model that is live, and a use case for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from modelwarden.approvals import actions as approvals
from modelwarden.registry import actions as registry
from modelwarden.registry.actions import UseCaseWords
from modelwarden.registry.lifecycle import Environment
from tests.approvals.org import Org

if TYPE_CHECKING:
    from modelwarden.registry.use_case import UseCase

COMMENT: Final = "the retention team wants to call customers before they leave"
WORDS: Final = UseCaseWords(
    title="Retention calls",
    description="Call the customers who are likely to leave",
    models=("churn",),
    input_schema={"type": "object"},
    output_schema={"type": "number"},
    impact="high",
    systems=("crm", "dialler"),
)


class UseCaseOrg(Org):
    """alice writes use cases down and submits; bob, carol approve; dave deploys and deprecates."""

    def go_live(self, *places: str) -> None:
        self.approved()
        for place in places:
            self.deploy(environment=Environment(place))

    def create(self, name: str = "retention", *, by: str = "alice", **other: Any) -> UseCase:  # noqa: ANN401  # fields
        found: UseCase = self.do(by, registry.create_use_case, name, words=replace(WORDS, **other))
        return found

    def update(self, name: str = "retention", *, by: str = "alice", **words: Any) -> UseCase:  # noqa: ANN401  # fields
        found: UseCase = self.do(by, registry.update_use_case, name, words=UseCaseWords(**words))
        return found

    def submit(self, name: str = "retention", *, by: str = "alice") -> str:
        found: UseCase = self.do(by, approvals.submit_use_case, name, comment=COMMENT)
        assert found.request is not None
        return str(found.request)

    def agreed(self, name: str = "retention") -> str:
        request = self.submit(name)
        self.approve("bob", request)
        self.approve("carol", request)
        return request

    def use(
        self, name: str = "retention", *, by: str = "dave", place: str | None = None
    ) -> UseCase:
        where = None if place is None else Environment(place)
        found: UseCase = self.do(by, approvals.deploy_use_case, name, environment=where)
        return found

    def shown(self, name: str = "retention") -> UseCase:
        found: UseCase = self.see("alice", registry.use_case, name)
        return found
