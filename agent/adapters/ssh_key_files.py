"""Makes the SSH key pair by which the practice logs in at one partner's server.

The private half never leaves this machine; the public one is for the partner.
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from agent.adapters.durable_files import spool_error


def create_ssh_key(file: Path, comment: str) -> str:
    """An Ed25519 key in OpenSSH's format, in a new file for its owner alone; the public line.

    Raises SpoolError, also where the file exists: a key that is in use is not replaced.
    """
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(private)
    except OSError as error:
        raise spool_error("create the SSH key", file.parent, error) from error
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return f"{public.decode('ascii')} {comment}"
