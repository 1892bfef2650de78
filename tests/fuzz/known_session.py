"""Encrypt any packets for the practice without starting gpg, under a session key that gpg gave away.

What comes out is a real file with a real integrity code (RFC 4880, 5.13), which the practice's gpg
decrypts like any other; only its making is fast enough for thousands.
"""

import hashlib
import re
from random import Random

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from agent.adapters.openpgp_packets import Packet, Tag, encode_packet, read_packets
from tests.kit.openpgp import KeyWorld

AES_256 = "9"
BLOCK = 16
INTEGRITY_HEADER = b"\xd3\x14"


class KnownSession:
    """One session key, encrypted once for the practice."""

    def __init__(self, world: KeyWorld) -> None:
        sealed = world.dentport.home.run(
            "--trust-model", "always", "-r", world.dentport.practice, "--cipher-algo", "AES256", "--encrypt"
        )
        told = world.practice.run("--status-fd", "1", "--show-session-key", "--decrypt", stdin=sealed)
        found = re.search(rb"SESSION_KEY ([0-9]+):([0-9A-F]+)", told)
        assert found is not None and found[1].decode() == AES_256
        self._key = bytes.fromhex(found[2].decode())
        self._session_key = next(read_packets(sealed))

    def encrypted(self, packets: bytes, dice: Random) -> bytes:
        """The packets as they are, inside a file for the practice."""
        prefix = dice.randbytes(BLOCK)
        plain = prefix + prefix[-2:] + packets + INTEGRITY_HEADER
        plain += hashlib.sha1(plain, usedforsecurity=False).digest()
        cipher = Cipher(AES(self._key), CFB(bytes(BLOCK))).encryptor()
        body = b"\x01" + cipher.update(plain) + cipher.finalize()
        return encode_packet(self._session_key) + encode_packet(Packet(Tag.ENCRYPTED, body))
