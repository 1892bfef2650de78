"""`otv-agent init`: from nothing to a folder that is ready for a licence and a partner."""

from pathlib import Path
from typing import Annotated

import typer

from agent import installation
from agent.cli.screen import out
from agent.config import StatusPageSettings
from agent.installation import NewInstallation

NEXT = """\
Next:
  1. put the password of the database role, if it has one, into {folder}/secrets/database_password and
     name it in {folder}/agent.yaml (database.password)
  2. otv-agent practice create-tables; otv-agent practice check
  3. otv-agent licence install FILE
  4. otv-agent partner add ID --name NAME --key FILE --host HOST --user NAME
  5. otv-agent doctor; otv-agent sync --dry-run
While the service runs, {page} shows how it is doing; to act there, sign in with the
token in {folder}/secrets/status_page_token.
All with --config {folder}/agent.yaml, or OTV_AGENT_CONFIG set to it. Keep a copy of
{folder}/secrets/audit_key and of {data}/gpg/openpgp-revocs.d away from this machine.
"""


def init(
    folder: Annotated[Path, typer.Argument(help="A new folder, such as /etc/otv-agent or C:\\otv-agent.")],
    practice_id: Annotated[
        str,
        typer.Option(prompt="practice id (as in the database and the licence)", help="The practice's id."),
    ],
    name: Annotated[str, typer.Option(prompt="name of the practice", help="Name on the practice's key.")],
    database_url: Annotated[
        str,
        typer.Option(
            prompt="database (postgresql+psycopg://USER@HOST/DATABASE or sqlite:////PATH)",
            help="SQLAlchemy URL of the practice database, without a password.",
        ),
    ],
    licence_issuer_key: Annotated[
        Path,
        typer.Option(prompt="file with the licence issuer's public key", help="Came with the licence."),
    ],
    data_folder: Annotated[
        Path | None, typer.Option(help="For spool and keys; without it `data` in the folder.")
    ] = None,
    gpg_program: Annotated[str, typer.Option(help="Name or path of gpg.")] = "gpg",
) -> None:
    """Make a folder with settings, keys, secrets and a sheet for partners; asks for what is not given."""
    answers = NewInstallation(practice_id, name, database_url, licence_issuer_key, gpg_program, data_folder)
    installation.set_up(folder, answers)
    folder = folder.absolute()
    data = (data_folder or folder / "data").absolute()
    following = NEXT.format(folder=folder, data=data, page=StatusPageSettings().address)
    sheet = (folder / installation.SHEET_FILE).read_text(encoding="utf-8")
    out.print(f"{folder} is set up.\n\n{sheet}\n{following}", end="")
