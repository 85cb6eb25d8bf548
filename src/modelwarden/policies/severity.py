"""By which rules something about a model is classified: what governing policies say, else the program's own (SG-51)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.errors import SettingInvalid
from modelwarden.policies.reads import governing
from modelwarden.registry.queries import find_model
from modelwarden.safeguards.severity.built_in import severity_rules
from modelwarden.safeguards.severity.classify import WORST_FIRST, Rule, Rules
from modelwarden.safeguards.switch import SwitchSeverity
from modelwarden.values.ids import ModelName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.policies.governing import PolicyRef
    from modelwarden.policies.severity_shapes import Severities
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.store.change import View


def severities(view: View, model: str, environment: Environment) -> Rules:
    """Return the rules that hold for a model in an environment. For the program's own reading: it asks for no right."""
    try:
        found = find_model(view, ModelName(model))
        governs = governing(view, ModelName(model), environment, known=found)
    except SettingInvalid:  # what is noticed has to be told, whatever is wrong with a setting
        return severity_rules()
    said = [
        (version.ref, section)
        for version in governs
        if (section := version.parsed.severity) is not None
    ]
    return joined(severity_rules(), said)


def joined(own: Rules, said: Sequence[tuple[PolicyRef, Severities]]) -> Rules:
    """Return the program's rules with what policies say instead; of several the gravest counts (POL-6)."""
    if not said:
        return own
    found = [_instead(own, section) for _, section in said]
    return Rules(
        version=own.version,
        unknown=min((each.unknown for each in found), key=WORST_FIRST.index),
        rules=tuple(dict.fromkeys(rule for each in found for rule in each.rules)),
        wide_share=min(each.wide_share for each in found),
        small_share=min(each.small_share for each in found),
        highest_tiers=frozenset().union(*(each.highest_tiers for each in found)),
        guarded_tiers=frozenset().union(*(each.guarded_tiers for each in found)),
        policies=tuple((ref.name, ref.version) for ref, _ in said),
    )


def _instead(own: Rules, section: Severities) -> Rules:
    """Return the program's rules with what one policy says instead."""
    mine = tuple(
        Rule(
            signal, SwitchSeverity(each.severity), None if each.above is None else float(each.above)
        )
        for each in section.rules
        for signal in each.signals
    )
    named = {rule.signal for rule in mine}
    kept = tuple(rule for rule in own.rules if rule.signal not in named)
    tiers = section.highest_tiers, section.guarded_tiers
    highest, guarded = (None if each is None else frozenset(each) for each in tiers)
    return own._replace(
        rules=(*mine, *kept),
        unknown=own.unknown if section.unknown is None else SwitchSeverity(section.unknown),
        wide_share=own.wide_share if section.wide_share is None else section.wide_share,
        small_share=own.small_share if section.small_share is None else section.small_share,
        highest_tiers=own.highest_tiers if highest is None else highest,
        guarded_tiers=own.guarded_tiers if guarded is None else guarded,
    )
