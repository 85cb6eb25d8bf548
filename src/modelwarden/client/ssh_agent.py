"""Sign with a key that an ssh-agent holds: the private half is in neither our files nor our memory (RL-29).

What an agent signs for SSH is what we sign: Ed25519 over the bytes themselves, ECDSA over their SHA-256 (RFC 8032,
RFC 5656 §3.1.2); only the wrapping differs. Keys on FIDO tokens sign other bytes and are left out. The protocol is
draft-ietf-sshm-ssh-agent.
"""

from __future__ import annotations

import base64
import hashlib
import socket
from dataclasses import dataclass
from typing import Final

from modelwarden.errors import KeyUnusable
from modelwarden.ledger.keys import PublicKey

SCHEME: Final = "ssh-agent"
TIMEOUT_S: Final = 60
"""Some agents ask their owner before they sign."""
MOST: Final = 256 * 1024
"""Bytes of one answer, as OpenSSH limits them."""

_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14
_ED25519: Final = b"ssh-ed25519"
_P256: Final = b"ecdsa-sha2-nistp256"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentKey:
    """A private key that stays with the agent."""

    public: PublicKey
    socket_path: str
    blob: bytes
    comment: str

    def sign(self, data: bytes) -> bytes:
        """Let the agent sign: 64 bytes of Ed25519, or ECDSA in DER. Raises KeyUnusable."""
        asked = bytes([_SIGN]) + _string(self.blob) + _string(data) + bytes(4)
        kind, rest = _asked(self.socket_path, asked)
        if kind != _SIGNED:
            raise KeyUnusable(f"the ssh-agent did not sign with {self.comment!r}")
        algorithm, signature = _strings(_strings(rest, 1)[0], 2)
        if algorithm == _ED25519:
            return signature
        r, s = (int.from_bytes(number, signed=True) for number in _strings(signature, 2))
        from cryptography.hazmat.primitives.asymmetric import utils  # noqa: PLC0415

        return utils.encode_dss_signature(r, s)


def agent_key(name: str, *, socket_path: str | None) -> AgentKey:
    """Return the key of this name: its comment, its `SHA256:…` as ssh-add prints it, or our id. Raises KeyUnusable.

    Without a name it is the only one that can sign here.
    """
    if not socket_path:
        raise KeyUnusable("no ssh-agent is running: SSH_AUTH_SOCK is not set")
    usable = _held(socket_path)
    named = [key for key in usable if not name or name in _names(key)]
    if len(named) != 1:
        known = ", ".join(key.comment for key in usable) or "none"
        raise KeyUnusable(
            f"the ssh-agent has {len(named)} such keys of Ed25519 or P-256; name one of: {known}"
        )
    return named[0]


def _names(key: AgentKey) -> tuple[str, ...]:
    digest = base64.b64encode(hashlib.sha256(key.blob).digest()).decode().rstrip("=")
    return key.comment, f"SHA256:{digest}", key.public.keyid


def _held(socket_path: str) -> list[AgentKey]:
    kind, rest = _asked(socket_path, bytes([_LIST]))
    if kind != _LISTED:
        raise KeyUnusable("the ssh-agent does not list its keys")
    count, rest = int.from_bytes(rest[:4]), rest[4:]
    found = []
    for _ in range(count):
        blob, comment = _strings(rest, 2)
        rest = rest[8 + len(blob) + len(comment) :]
        public = _public(blob)
        if public is not None:
            said = comment.decode(errors="replace")
            found.append(AgentKey(public=public, socket_path=socket_path, blob=blob, comment=said))
    return found


def _public(blob: bytes) -> PublicKey | None:
    """Return the key in SSH's form, or None for a kind that we don't sign with."""
    (algorithm,) = _strings(blob, 1)
    if algorithm == _ED25519:
        return PublicKey(_strings(blob, 2)[1])
    if algorithm == _P256:
        return PublicKey(_strings(blob, 3)[2])
    return None


def _asked(socket_path: str, message: bytes) -> tuple[int, bytes]:
    """Send one message and return the answer's type and content. Raises KeyUnusable."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
            agent.settimeout(TIMEOUT_S)
            agent.connect(socket_path)
            agent.sendall(_string(message))
            answer = _received(agent, int.from_bytes(_received(agent, 4)))
    except OSError as error:
        raise KeyUnusable(f"the ssh-agent does not answer: {error}") from error
    if not answer:
        raise KeyUnusable("the ssh-agent answered with nothing")
    return answer[0], answer[1:]


def _received(agent: socket.socket, size: int) -> bytes:
    if size > MOST:
        raise KeyUnusable("the ssh-agent answers with too much")
    data = b""
    while len(data) < size:
        part = agent.recv(size - len(data))
        if not part:
            raise KeyUnusable("the ssh-agent hung up")
        data += part
    return data


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4) + data


def _strings(data: bytes, count: int) -> list[bytes]:
    """Return the first strings of a message, each after its length. Raises KeyUnusable."""
    found = []
    for _ in range(count):
        size = int.from_bytes(data[:4])
        if len(data) < 4 + size:
            raise KeyUnusable("the ssh-agent's answer is cut off")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found
