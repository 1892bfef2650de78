"""A partner's OpenPGP for thousands of files: Sequoia inside this process instead of a gpg for every file.

Same keys and same doors as `tests.kit.openpgp.PartnerGpg`; a third of a
hundredth of its time.
"""

from typing import Any

import pysequoia

from tests.kit.openpgp import PartnerGpg


class QuickOpenPgp:
    """Seals for the practice, and opens what the practice alone has signed."""

    def __init__(self, gpg: PartnerGpg) -> None:
        secret = pysequoia.Tsk.from_bytes(gpg.home.secret_key(gpg.fingerprint))
        self._signer, self._decryptor = secret.signer, secret.decryptor
        self._practice = pysequoia.Cert.from_bytes(gpg.home.public_key(gpg.practice))

    def seal(self, content: bytes) -> bytes:
        """Sign and encrypt for the practice."""
        return bytes(
            pysequoia.encrypt(content, recipients=[self._practice], signer=self._signer(), armor=False)
        )

    def open(self, sealed: bytes) -> bytes:
        """Decrypt; raises unless exactly one valid signature by the practice covers the content."""
        opened: Any = pysequoia.decrypt(sealed, self._decryptor(), store=lambda _: [self._practice])
        if len(opened.valid_sigs) != 1:
            raise ValueError("not signed by the practice")
        return bytes(opened.bytes)
