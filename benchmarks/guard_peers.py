"""The same question put to what others use to turn things off: is this on for this caller, decided in process?

Each peer gets its best case: one flag without a rule, or with one rule on the region. All but OpenFeature also get the
thousand rules that our matcher holds, which they try one after the other.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from flagsmith import Flagsmith
from flagsmith.offline_handlers import LocalFileHandler
from growthbook import GrowthBook
from ldclient import Config, LDClient
from ldclient import Context as LDContext
from ldclient.integrations.test_data import TestData
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider
from UnleashClient import UnleashClient
from UnleashClient.cache import FileCache

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    Context = Mapping[str, str]
    Asked = Callable[[Context], bool]
    Scope = Mapping[str, Sequence[str]]

FLAGS: Final = ("plain", "eu", "all")
"""Without a rule and off; on for region eu; on for any of the given scopes."""


def openfeature(_scopes: Sequence[Scope], _folder: Path) -> dict[str, Asked]:
    """Return the questions; a rule here is a function of ours, so a thousand would not be theirs."""

    def by_region(
        flag: InMemoryFlag[bool], context: EvaluationContext
    ) -> FlagResolutionDetails[bool]:
        variant = "on" if context.attributes.get("region") == "eu" else "off"
        return FlagResolutionDetails(
            flag.variants[variant], reason=Reason.TARGETING_MATCH, variant=variant
        )

    variants = {"on": True, "off": False}
    flags = {
        "plain": InMemoryFlag("off", variants),
        "eu": InMemoryFlag("off", variants, context_evaluator=by_region),
    }
    api.set_provider_and_wait(InMemoryProvider(flags))
    client = api.get_client()

    def ask(name: str) -> Asked:
        def asked(context: Context) -> bool:
            return client.get_boolean_value(name, True, EvaluationContext(attributes=context))  # noqa: FBT003 - theirs

        return asked

    return {name: ask(name) for name in flags}


def growthbook(scopes: Sequence[Scope], _folder: Path) -> dict[str, Asked]:
    """Return the questions; attributes are set for each, as its manual has it for each request."""

    def rules(some: Sequence[Scope]) -> list[dict[str, Any]]:
        conditions = [
            {name: {"$in": list(values)} for name, values in scope.items()} for scope in some
        ]
        return [{"condition": condition, "force": True} for condition in conditions]

    given = {"plain": [], "eu": [{"region": ["eu"]}], "all": scopes}
    features = {name: {"defaultValue": False, "rules": rules(some)} for name, some in given.items()}
    book = GrowthBook(features=features)

    def ask(name: str) -> Asked:
        def asked(context: Context) -> bool:
            book.set_attributes(context)
            return bool(book.is_on(name))

        return asked

    return {name: ask(name) for name in FLAGS}


def unleash(scopes: Sequence[Scope], folder: Path) -> dict[str, Asked]:
    """Return the questions; the client is given its flags as a file, and never fetches, registers or reports."""

    def strategies(some: Sequence[Scope]) -> list[dict[str, Any]]:
        return [
            {
                "name": "default",
                "constraints": [
                    {"contextName": name, "operator": "IN", "values": list(values)}
                    for name, values in scope.items()
                ],
            }
            for scope in some
        ]

    given = {"eu": [{"region": ["eu"]}], "all": scopes}
    toggles = [
        {"name": "plain", "type": "kill-switch", "enabled": False, "strategies": []},
        *(
            {"name": name, "type": "kill-switch", "enabled": True, "strategies": strategies(some)}
            for name, some in given.items()
        ),
    ]
    cache = FileCache("bench", directory=str(folder))
    cache.bootstrap_from_dict({"version": 2, "features": toggles})
    client = UnleashClient(
        url="http://127.0.0.1:1/api",
        app_name="bench",
        cache=cache,
        disable_metrics=True,
        disable_registration=True,
        verbose_log_level=logging.CRITICAL,
    )
    client.initialize_client(fetch_toggles=False)

    def ask(name: str) -> Asked:
        def asked(context: Context) -> bool:
            return bool(client.is_enabled(name, {"properties": context}))

        return asked

    return {name: ask(name) for name in FLAGS}


def flagsmith(scopes: Sequence[Scope], folder: Path) -> dict[str, Asked]:
    """Return the questions; it answers all flags of an environment at once, so each has one of its own."""

    def condition(name: str, values: Sequence[str]) -> dict[str, str]:
        return {"operator": "IN", "property_": name, "value": ",".join(values)}

    def state(*, enabled: bool) -> dict[str, Any]:
        return {
            "enabled": enabled, "feature": {"id": 1, "name": "flag", "type": "STANDARD"}, "feature_state_value": None,
            "featurestate_uuid": "0b8b4ae8-9d2c-4d6d-9c0f-5f0e2b7a1f01", "multivariate_feature_state_values": [],
        }  # fmt: skip

    def asked(name: str, some: Sequence[Scope]) -> Asked:
        rules = [
            {"type": "ALL", "rules": [], "conditions": [condition(*one) for one in scope.items()]}
            for scope in some
        ]
        segment = {
            "id": 1, "name": name, "feature_states": [state(enabled=True)],
            "rules": [{"type": "ANY", "conditions": [], "rules": rules}],
        }  # fmt: skip
        document = {
            "api_key": "bench", "name": "bench", "feature_states": [state(enabled=False)],
            "project": {"segments": [segment] if some else []},
        }  # fmt: skip
        path = folder / f"{name}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        client = Flagsmith(offline_mode=True, offline_handler=LocalFileHandler(str(path)))
        return lambda context: client.get_identity_flags("c-1", context).is_feature_enabled("flag")

    return {
        name: asked(name, some)
        for name, some in (("plain", []), ("eu", [{"region": ["eu"]}]), ("all", scopes))
    }


def launchdarkly(scopes: Sequence[Scope], _folder: Path) -> dict[str, Asked]:
    """Return the questions; the client has its flags from its own test data, and sends no events."""
    data = TestData.data_source()
    for name, some in (("plain", []), ("eu", [{"region": ["eu"]}]), ("all", scopes)):
        flag = data.flag(name).boolean_flag().fallthrough_variation(False)  # noqa: FBT003 - theirs
        for scope in some:
            (first, values), *others = scope.items()
            rule = flag.if_match(first, *values)
            for other, more in others:
                rule = rule.and_match(other, *more)
            flag = rule.then_return(True)  # noqa: FBT003 - theirs
        data.update(flag)
    config = Config("sdk-bench", update_processor_class=data, send_events=False)
    client = LDClient(config, start_wait=5)

    def ask(name: str) -> Asked:
        def asked(context: Context) -> bool:
            who = LDContext.from_dict({"kind": "user", "key": "c-1", **context})
            return bool(client.variation(name, who, True))  # noqa: FBT003 - theirs

        return asked

    return {name: ask(name) for name in FLAGS}


PEERS: Final = {
    "OpenFeature in-memory provider": openfeature,
    "GrowthBook": growthbook,
    "UnleashClient": unleash,
    "Flagsmith": flagsmith,
    "LaunchDarkly": launchdarkly,
}
