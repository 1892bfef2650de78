"""The agent's own key from the operator's side: make it, look at it, hand out its public half.

Used by operator commands and by `doctor`. Sealing and opening use the key
through `agent.adapters.own_key`; nothing here touches a message.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from agent.adapters.gpg_home import GpgHome
from agent.adapters.key_packets import is_honest_name
from agent.adapters.own_key import MAX_HOME_PATH
from agent.domain.keys import KeyFacts
from agent.errors import GpgUnavailableError, OwnKeyUnusableError, UsageError

STOP_SECONDS = 15

_EXPIRES_IN = re.compile(r"[1-9][0-9]{0,3}[dwmy]")

# doc/DETAILS of GnuPG, "Unattended key generation"; the expiry holds for both keys.
_PARAMETERS = """\
Key-Type: EDDSA
Key-Curve: ed25519
Key-Usage: sign
Subkey-Type: ECDH
Subkey-Curve: cv25519
Subkey-Usage: encrypt
Name-Real: {user_id}
Expire-Date: {expires_in}
{protection}
%commit
"""


def create_own_key(
    home: Path,
    gpg_program: str,
    user_id: str,
    expires_in: str = "2y",
    passphrase: str | None = None,
    *,
    agent_in_use: bool = False,
) -> KeyFacts:
    """Make an Ed25519 key with a Cv25519 subkey in `home`, which is created if it is missing.

    `expires_in` is gpg's notation: 90d, 26w, 18m, 2y. Every call makes one
    more key; `agent_in_use` leaves the gpg-agent alone that a running service
    needs. Raises UsageError for a value that gpg could misread,
    OwnKeyUnusableError when the home cannot be used, GpgUnavailableError.
    """
    parameters = _parameters(user_id, expires_in, passphrase)
    _make_home(home)
    try:
        fingerprint = GpgHome(home, gpg_program).create(parameters)
    finally:
        if not agent_in_use:
            stop_agent(home, gpg_program)
    if fingerprint is None:
        raise OwnKeyUnusableError(f"gpg could not create a key in {home}: check free space and permissions")
    return own_key_facts(home, gpg_program, fingerprint)


def own_key_facts(home: Path, gpg_program: str, fingerprint: str) -> KeyFacts:
    """What is known of our own key, its secret half being there too. Starts no agent.

    Raises OwnKeyUnusableError when either half is missing, GpgUnavailableError.
    """
    gpg = _existing_home(home, gpg_program)
    facts = _named_key(gpg, home, fingerprint)
    secrets = home / "private-keys-v1.d"
    if not all((secrets / f"{grip}.key").is_file() for grip in gpg.keygrips(fingerprint)):
        raise OwnKeyUnusableError(f"the secret half of the key {fingerprint} is missing in {home}")
    return facts


def export_public_key(home: Path, gpg_program: str, fingerprint: str) -> str:
    """Our public key as ASCII armor, for the partner. Raises OwnKeyUnusableError, GpgUnavailableError."""
    gpg = _existing_home(home, gpg_program)
    return gpg.export_armored(_named_key(gpg, home, fingerprint).fingerprint)


def stop_agent(home: Path, gpg_program: str) -> None:
    """End gpg-agent and its like for this home; repeatable. Raises GpgUnavailableError."""
    program = _gpgconf_beside(gpg_program)
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW  # a service has no console to open one on
    try:
        subprocess.run(
            [program, "--homedir", str(home), "--kill", "all"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=STOP_SECONDS,
            check=True,
            creationflags=flags,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise GpgUnavailableError(f"{program} could not stop gpg-agent in {home}") from error


def _parameters(user_id: str, expires_in: str, passphrase: str | None) -> str:
    """gpg reads one parameter a line and trims it, so no value may hold what it would cut or obey."""
    if not is_honest_name(user_id) or user_id != user_id.strip() or len(user_id) < 5:
        raise UsageError("a key's name has at least 5 visible characters on one line")
    if _EXPIRES_IN.fullmatch(expires_in) is None:
        raise UsageError("a key's expiry is a number with d, w, m or y, such as 2y")
    if passphrase is None:
        protection = "%no-protection"
    elif not passphrase or not is_honest_name(passphrase) or passphrase != passphrase.strip():
        raise UsageError("a passphrase is one line of visible characters without spaces at its ends")
    else:
        protection = f"Passphrase: {passphrase}"
    return _PARAMETERS.format(user_id=user_id, expires_in=expires_in, protection=protection)


def _make_home(home: Path) -> None:
    if len(str(home.absolute())) > MAX_HOME_PATH:
        raise OwnKeyUnusableError(
            f"the path of the gpg home {home} is longer than {MAX_HOME_PATH} characters"
        )
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OwnKeyUnusableError(f"the gpg home {home} cannot be created: {error.strerror}") from error


def _existing_home(home: Path, gpg_program: str) -> GpgHome:
    if not home.is_dir():
        raise OwnKeyUnusableError(f"the gpg home {home} does not exist: create our own key first")
    return GpgHome(home, gpg_program, "--no-autostart")


def _named_key(gpg: GpgHome, home: Path, fingerprint: str) -> KeyFacts:
    for key in gpg.list_keys(fingerprint):
        if key.fingerprint == fingerprint:
            return key
    raise OwnKeyUnusableError(f"there is no key {fingerprint} in {home}")


def _gpgconf_beside(gpg_program: str) -> str:
    """The one of the same installation; that of another one would look for other sockets."""
    gpg = shutil.which(gpg_program)
    beside = None if gpg is None else shutil.which("gpgconf", path=str(Path(gpg).parent))
    return beside or "gpgconf"
