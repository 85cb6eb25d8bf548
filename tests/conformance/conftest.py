"""The same company for every test of a file, reached in each of the three ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.places import Company, reached

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["embedded", "http", "flask"])
def company(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    way: str = request.param
    with reached(way, tmp_path_factory.mktemp(way)) as company:
        yield company
