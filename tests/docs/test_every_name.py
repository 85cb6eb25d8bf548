"""The guides' index names every guide once."""

from __future__ import annotations

import re

from tests.house.source import ROOT

GUIDES = ROOT / "docs" / "how-to"


def test_the_index_names_every_guide() -> None:
    listed = re.findall(r"\]\(([a-z0-9-]+\.md)\)", (GUIDES / "index.md").read_text("utf-8"))
    pages = {page.name for page in GUIDES.glob("*.md")} - {"index.md"}
    assert sorted(listed) == sorted(pages)
