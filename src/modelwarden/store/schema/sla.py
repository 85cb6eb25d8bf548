"""Tables of what is measured: definitions, counts by minute, who was heard when, and seals of hours (SL-14 to SL-19).

A minute is a number of whole minutes since 1970, an hour one of hours. `slots` holds what any number of reporters
counted, `slot_parts` by which parts, so that a part sent twice counts once.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Text, UniqueConstraint

from modelwarden.store.schema.columns import governed, other

slis: Final = governed(
    "slis",
    Column("name", Text, primary_key=True),
    Column("resource_type", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("thresholds", Text, nullable=False),
    Column("defined_by", Text, nullable=False),
    Column("defined_at", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    kind="sli",
    value="Sli",
)
slot_reporters: Final = other(
    "slot_reporters",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("sli", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("last_minute", Integer, nullable=False),
    UniqueConstraint("sli", "instance"),
    Index("ix_slot_reporters_instance", "instance"),
    role="telemetry",
)
slot_parts: Final = other(
    "slot_parts",
    Column("reporter", BigInteger, primary_key=True, autoincrement=False),
    Column("minute", Integer, primary_key=True, autoincrement=False),
    Column("part", BigInteger, primary_key=True, autoincrement=False),
    Column("sha256", Text, nullable=False),
    Index("ix_slot_parts_minute", "minute"),
    role="telemetry",
)
slot_presence: Final = other(
    "slot_presence",
    Column("sli", Text, primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("reporter", BigInteger, primary_key=True, autoincrement=False),
    Column("heard", BigInteger, nullable=False),
    Column("closed", Integer),
    Index("ix_slot_presence_hour", "hour"),
    role="telemetry",
)
slots: Final = other(
    "slots",
    Column("sli", Text, primary_key=True),
    Column("width", Integer, primary_key=True, autoincrement=False),
    Column("start", Integer, primary_key=True, autoincrement=False),
    Column("total", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("blocked", BigInteger, nullable=False),
    Column("fallbacks", BigInteger, nullable=False),
    Column("drilled", BigInteger, nullable=False, server_default="0"),
    Column("invalid", BigInteger, nullable=False),
    Column("thresholds", Text, nullable=False),
    Column("bad", Text, nullable=False),
    Column("sketch", LargeBinary, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("seen", BigInteger),
    Index("ix_slots_width", "width", "start"),
    role="telemetry",
)
slot_seals: Final = other(
    "slot_seals",
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("slis", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    role="plumbing",
)
