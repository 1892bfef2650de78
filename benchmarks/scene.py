"""Sets the scene: a practice with its agent, a partner behind a real OpenSSH server, a script's account.

Both contestants read the same database, use the same keys and upload to the
same server. Setting up is never timed.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import text

from benchmarks.running_agent import PARTNER_ID
from benchmarks.script import Script
from tests.kit.house import NOTHING_IS_SUDDEN, House, default_plan, open_house
from tests.kit.openpgp import GpgHome
from tests.kit.postgresql import own_database
from tests.kit.sftp_servers import OpenSshServer, make_ssh_key


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that stands; `database` is what the script calls the database: a file or a url."""

    house: House
    server: OpenSshServer
    script: Script
    database: str

    @property
    def config_path(self) -> Path:
        return self.house.config_path

    def delivered(self, pattern: str) -> bytes:
        """The newest file of that pattern on the server, opened as the partner would, signature checked."""
        newest = max((self.server.root / "inbox").glob(pattern), key=lambda path: path.stat().st_mtime_ns)
        return self.house.partners[PARTNER_ID].gpg.open(newest.read_bytes())

    def analyze(self) -> None:
        """What a PostgreSQL server does by itself within minutes; not to happen between two rounds."""
        if self.house.connector.dialect == "postgresql":
            with self.house.connector.writing() as connection:
                connection.execute(text("ANALYZE"))

    def clear(self) -> None:
        """Remove what was delivered, on both sides, so that no round finds more files than the first."""
        for folder in (self.server.root / "inbox", self.house.data_folder / "outbox" / PARTNER_ID / "sent"):
            for file in folder.iterdir():
                file.unlink()


@contextmanager
def set_scene(database: str, **plan: Any) -> Iterator[Scene]:
    """A practice made by `plan`, the agent's default settings, a folder that is removed at the end."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="otv-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        url = stack.enter_context(own_database(database, folder))
        one_partner = {"partner_names": {PARTNER_ID: "Dentport"}}
        offer = {"offer": {"booking_horizon_days": plan.pop("booking_horizon_days", 90)}}
        house = stack.enter_context(
            open_house(folder, default_plan(**one_partner, **plan), url, guard=NOTHING_IS_SUDDEN, **offer)
        )
        key = make_ssh_key(folder / "ssh-bench")
        server = OpenSshServer(folder / "server", key.public_line, folder / "sshd")
        server.start()
        stack.callback(server.stop)
        _deliver_to(house, server, key.private_key)
        script = Script(
            folder / "script", _script_gpg(stack, house, folder / "gpg-script"), server, key.private_key
        )
        scene = Scene(house, server, script, url or str(folder / "practice.db"))
        scene.analyze()
        yield scene


def _deliver_to(house: House, server: OpenSshServer, private_key: Path) -> None:
    path = house.config_path.parent / "partners" / f"{PARTNER_ID}.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["sftp"] |= {
        "port": server.port,
        "user_name": server.user_name,
        "private_key": str(private_key),
        "host_keys": [server.host_key],
    }
    path.write_text(yaml.safe_dump(settings))


def _script_gpg(stack: ExitStack, house: House, folder: Path) -> GpgHome:
    """A gpg home with the practice's secret key and the partner's public one: what a script would use."""
    own = house.data_folder / "gpg"
    home = GpgHome(folder)
    stack.callback(home.stop)
    partner = house.partners[PARTNER_ID].gpg
    home.import_key(GpgHome(own).secret_key(partner.practice))
    home.import_key(partner.public_key)
    return home
