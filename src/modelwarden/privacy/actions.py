"""What an actor can do about personal data, and read of it; doors import this file alone."""

from __future__ import annotations

from modelwarden.privacy.erasing import carry_out as carry_out
from modelwarden.privacy.erasing import erase as erase
from modelwarden.privacy.erasing import erasure as erasure
from modelwarden.privacy.erasing import erasure_payload as erasure_payload
from modelwarden.privacy.erasing import erasures as erasures
from modelwarden.privacy.erasing import released_erasures as released_erasures
from modelwarden.privacy.erasure import ERASE as ERASE
from modelwarden.privacy.erasure import Basis as Basis
from modelwarden.privacy.erasure import Scope as Scope
from modelwarden.privacy.holding import RELEASE as RELEASE
from modelwarden.privacy.holding import add_hold as add_hold
from modelwarden.privacy.holding import hold as hold
from modelwarden.privacy.holding import hold_payload as hold_payload
from modelwarden.privacy.holding import holds as holds
from modelwarden.privacy.holding import release_hold as release_hold
from modelwarden.privacy.keeping import apply_retention as apply_retention
from modelwarden.privacy.keeping import forget_repeats as forget_repeats
from modelwarden.privacy.keeping import over_their_days as over_their_days
from modelwarden.privacy.keeping import prunable as prunable
from modelwarden.privacy.keeping import prune as prune
from modelwarden.privacy.keeping import retention as retention
from modelwarden.privacy.keeping import retention_payload as retention_payload
from modelwarden.privacy.keeping import set_retention as set_retention
from modelwarden.privacy.retention import CHANGE as CHANGE
from modelwarden.privacy.unlocking import UNLOCK as UNLOCK
from modelwarden.privacy.unlocking import unlock_payload as unlock_payload
from modelwarden.privacy.unlocking import unlock_texts as unlock_texts
