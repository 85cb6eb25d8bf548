"""A plug-in for pytest: the fixture `control_plane`, for tests of programs that have guards (SG-54).

pytest finds it by itself where Modelwarden is installed; nothing else of Modelwarden is loaded before a test asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.integrations.control_plane import ControlPlane


@pytest.fixture
def control_plane() -> Iterator[ControlPlane]:
    """Give a control plane of the test's own: `Guard(control_plane.url, "churn", keys=control_plane.keys)`."""
    from modelwarden.integrations.control_plane import ControlPlane  # noqa: PLC0415

    with ControlPlane() as plane:
        yield plane
