"""What an actor can do about endpoints, and read of them; doors import this file alone."""

from __future__ import annotations

from modelwarden.notify.managing import EndpointChanges as EndpointChanges
from modelwarden.notify.managing import NewEndpoint as NewEndpoint
from modelwarden.notify.managing import add as add
from modelwarden.notify.managing import disable as disable
from modelwarden.notify.managing import enable as enable
from modelwarden.notify.managing import replay as replay
from modelwarden.notify.managing import rotate_secret as rotate_secret
from modelwarden.notify.managing import test as test
from modelwarden.notify.managing import update as update
from modelwarden.notify.reads import counts as counts
from modelwarden.notify.reads import deliveries as deliveries
from modelwarden.notify.reads import endpoint as endpoint
from modelwarden.notify.reads import endpoints as endpoints
from modelwarden.notify.reads import standings as standings
from modelwarden.notify.trying import send_test as send_test
from modelwarden.notify.trying import target as target
