"""Where a sink writes: one address, nothing in it that is not known, no secret (LG-51)."""

from __future__ import annotations

import pytest

from modelwarden.errors import SettingInvalid
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.sink import kind_of


def test_an_address_says_kind_place_and_options() -> None:
    found = parse_address("s3://archive/eu%20west/ledger?region=eu-west-1&required=true&name=far")
    assert (found.kind, found.name, found.place, found.path) == (
        "s3",
        "far",
        "archive",
        "/eu west/ledger",
    )
    assert found.required
    assert found.known({"region"}) == {"region": "eu-west-1"}


def test_a_sink_is_called_like_its_kind_unless_named() -> None:
    found = parse_address("worm:///srv/worm")
    assert (found.name, found.required) == ("worm", False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/srv/worm",
        "worm:",
        "worm:///srv?name=Upper",
        "worm:///srv?required=yes",
        "kafka://user:secret@broker:9092/topic",
        "s3://key@bucket/",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_a_secret(text: str) -> None:
    with pytest.raises(SettingInvalid) as found:
        parse_address(text)
    assert "secret" not in str(found.value)


def test_an_option_that_the_kind_does_not_know_is_an_error() -> None:
    with pytest.raises(SettingInvalid, match="no such option: retention"):
        parse_address("worm:///srv?retention=7").known(set())


def test_a_kind_that_is_not_known_is_an_error() -> None:
    with pytest.raises(SettingInvalid, match="no such kind of sink: ftp"):
        kind_of(parse_address("ftp://host/path"))
