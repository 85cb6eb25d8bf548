"""What an actor can do about what is measured, and read of it; doors import this file alone."""

from __future__ import annotations

from modelwarden.sla.defining import NewSli as NewSli
from modelwarden.sla.defining import define_sli as define_sli
from modelwarden.sla.ingest import accept as accept
from modelwarden.sla.ingest import keep as keep
from modelwarden.sla.kept.keeping import fold as fold
from modelwarden.sla.kept.keeping import next_sealing as next_sealing
from modelwarden.sla.kept.keeping import prune as prune
from modelwarden.sla.kept.keeping import seal_hour as seal_hour
from modelwarden.sla.reads import series as series
from modelwarden.sla.reads import sli as sli
from modelwarden.sla.reads import slis as slis
from modelwarden.sla.sli import ResourceType as ResourceType
from modelwarden.sla.use_cases import usage as usage
