"""Looks at the practice database: reached, new enough, its tables, what the role may do, and the author.

A part of `agent.doctor`. A database that would refuse every change is found
here, before a partner's booking finds it. Where it cannot be reached, that is
the one thing told.
"""

from collections.abc import Iterator
from pathlib import Path

from agent.adapters.database_role import OLDEST_SERVER, database_version, excess_rights, read_only_reason
from agent.adapters.file_rights import READ, WRITE, Account, obstacle
from agent.adapters.practice_check import PracticeProblems, practice_problems
from agent.doctor.finding import Check, Finding, State, failed, fine, warning
from agent.errors import AgentError, DatabaseError, DatabaseUnavailableError, SchemaMismatchError
from agent.language import sentence
from agent.operations import Agent


def database(agent: Agent, account: Account) -> Iterator[Finding]:
    """The connection first; the rest only if there is one."""
    reached = _connection(agent, account)
    yield reached
    if reached.state is not State.FAILED:
        yield from _contents(agent)


def _connection(agent: Agent, account: Account) -> Finding:
    try:
        return _file_refuses(agent, account) or _server(agent)
    except AgentError as error:
        said = sentence("The database cannot be used: {error}", error=error)
        return failed(Check.DATABASE, said, error)


def _file_refuses(agent: Agent, account: Account) -> Finding | None:
    file = agent.connector.sqlite_file
    # Beside the file SQLite keeps its journal: without the folder nothing can be written.
    if file is None or not file.exists() or (_may_write(account, file) and _may_write(account, file.parent)):
        return None
    said = sentence("{account} may not write to {file} and its folder.", account=account.name, file=file)
    remedy = sentence("Give {account} the right to write to both.", account=account.name)
    return failed(Check.DATABASE, said, DatabaseUnavailableError, remedy)


def _may_write(account: Account, path: Path) -> bool:
    return obstacle(account, path, READ | WRITE) is None


def _server(agent: Agent) -> Finding:
    connector = agent.connector
    with connector.reading() as connection:
        version, refuses = database_version(connection), read_only_reason(connection)
    oldest, place = OLDEST_SERVER[connector.dialect], connector.place
    if version < oldest:
        said = sentence("{place} has version {version}.", place=place, version=_dotted(version))
        remedy = sentence("Bring it to version {oldest} or later.", oldest=_dotted(oldest))
        return failed(Check.DATABASE, said, DatabaseError, remedy)
    if refuses is not None:
        said = sentence("{place} refuses every change: {reason}", place=place, reason=refuses)
        remedy = sentence("Name the server that may be written to in `database.url`, or switch writing on.")
        return failed(Check.DATABASE, said, DatabaseUnavailableError, remedy)
    said = sentence("{place} answers, version {version}.", place=place, version=_dotted(version))
    return fine(Check.DATABASE, said)


def _contents(agent: Agent) -> Iterator[Finding]:
    try:
        found = practice_problems(agent.connector, agent.practice.otv_login)
        yield _rights(agent, found)
    except AgentError as error:
        said = sentence("What stands in the database cannot be looked at: {error}", error=error)
        yield failed(Check.TABLES, said, error)
        return
    yield _tables(found)
    if not found.tables and not found.rights and found.version is None:
        yield _author(agent)


def _rights(agent: Agent, found: PracticeProblems) -> Finding:
    if found.rights:
        said = sentence("Rights are missing: {count}; the first: {problem}", **_first(found.rights))
        remedy = sentence("Have the owner run what `otv-agent practice grants ROLE` prints.")
        return failed(Check.ROLE, said, SchemaMismatchError, remedy)
    with agent.connector.reading() as connection:
        excess = excess_rights(connection, agent.connector)
    if excess:
        said = sentence(
            "The database role may do more than the agent needs: {count}; the first: {problem}",
            **_first(excess),
        )
        remedy = sentence(
            "Make a role of its own with what `otv-agent practice grants ROLE` prints, and use that."
        )
        return warning(Check.ROLE, said, remedy)
    if agent.connector.sqlite_file is not None:
        return fine(Check.ROLE, sentence("SQLite knows no rights of roles."))
    return fine(Check.ROLE, sentence("The database role may do what the agent needs, and nothing else."))


def _tables(found: PracticeProblems) -> Finding:
    if found.version is not None:
        said = sentence("Program and tables do not fit together: {error}", error=found.version)
        return failed(Check.TABLES, said, found.version)
    if not found.tables:
        return fine(
            Check.TABLES, sentence("Tables, columns and the guard against double bookings are there.")
        )
    said = sentence("The database lacks things: {count}; the first: {problem}", **_first(found.tables))
    return failed(Check.TABLES, said, SchemaMismatchError)


def _author(agent: Agent) -> Finding:
    """Rule R2, and that it is this practice's database at all."""
    try:
        agent.require_author()
    except AgentError as error:
        said = sentence("The user for online booking cannot be the author: {error}", error=error)
        return failed(Check.AUTHOR, said, error)
    said = sentence("The user {login} is active and may do nothing.", login=agent.practice.otv_login)
    return fine(Check.AUTHOR, said)


def _first(problems: list[str]) -> dict[str, object]:
    return {"count": len(problems), "problem": problems[0]}


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
