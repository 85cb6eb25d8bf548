"""One town for the tests of a file: they make their own models and people in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api import town as towns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.town import Town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.town(tmp_path_factory.mktemp("town")) as made:
        yield made
