"""The other contestant: the short scripts in `benchmarks/scripts`, as somebody would put them into cron.

They get their database, keys and server through the environment. They do
no more than the work compared: no consistent snapshot, no ledger, no check
of who signed, no receipt.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import seconds_of
from tests.kit.openpgp import GpgHome
from tests.kit.sftp_servers import OpenSshServer

SCRIPTS = Path(__file__).parent / "scripts"

TUNED = {
    "GPG_OPTIONS": "--compress-algo zip --compress-level 1",
    "SFTP_OPTIONS": "-c aes128-gcm@openssh.com",
}
"""What the agent does by default and a script only if somebody has measured it."""


class Script:
    """An account on the practice's server: a gpg home with both keys, an SSH configuration, a work folder."""

    def __init__(self, folder: Path, gpg: GpgHome, server: OpenSshServer, private_key: Path) -> None:
        folder.mkdir()
        self.folder = folder
        known_hosts, ssh_config = folder / "known_hosts", folder / "ssh_config"
        known_hosts.write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n")
        settings = {
            "HostName": "127.0.0.1",
            "Port": server.port,
            "User": server.user_name,
            "IdentityFile": private_key,
            "UserKnownHostsFile": known_hosts,
        }
        ssh_config.write_text(
            "Host partner\n" + "".join(f"  {key} {value}\n" for key, value in settings.items())
        )
        practice, partner = gpg.fingerprints()
        self._environment = {
            **os.environ,
            "GNUPGHOME": str(gpg.folder),
            "PRACTICE_KEY": practice,
            "PARTNER_KEY": partner,
            "SSH_CONFIG": str(ssh_config),
            "WORK_FOLDER": str(folder),
            "PYTHON": sys.executable,
        }

    def seconds(self, name: str, **environment: str) -> float:
        """Run one script to its end. Raises CalledProcessError."""
        command = ["bash", str(SCRIPTS / name)]
        return seconds_of(
            lambda: subprocess.run(
                command, check=True, env=self._environment | environment, stdout=subprocess.DEVNULL
            )
        )


def missing(*programs: str) -> list[str]:
    """Those of the programs that a script needs and this machine has not."""
    return [program for program in programs if shutil.which(program) is None]
