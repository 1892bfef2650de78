"""docs/audit.md against the code: each event that is written is explained with its details, and no other."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from agent.adapters.audit_diagnosis import AuditFault
from agent.adapters.retention_ledger import SORTS
from agent.config.model import RetentionSettings
from agent.flows.file_result import FileState
from agent.ports import Delivery

PAGE = Path("docs/audit.md").read_text(encoding="utf-8")
ANSWERED = (FileState.IMPORTED, FileState.DUPLICATE, FileState.REFUSED)
BUILT = {
    "f'file {state}'": {f"file {state}" for state in ANSWERED},
    "f'file {FileState.QUARANTINED}'": {f"file {FileState.QUARANTINED}"},
    "f'delivered {delivery.value}'": {f"delivered {way}" for way in Delivery},
}
"""Events that are put together, by the expression that does so."""


def rows(heading: str) -> list[list[str]]:
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[0].splitlines()[2:]]


def appends() -> Iterator[tuple[str, ast.Module, ast.expr, set[str]]]:
    """Module, its tree, event and details of every call that writes an entry; a list's `append` takes one."""
    for path in sorted(Path("agent").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            skipped = {"append": 0, "_append": 1}.get(call.func.attr)
            if skipped is None or len(call.args) < 2:
                continue
            event = call.args[skipped]
            details = {one.arg for one in call.keywords if one.arg}
            if ast.unparse(event) == "RECORDS_PURGED":
                details |= set(SORTS)
            if path.name != "audit_log.py" or ast.unparse(event) != "event":
                yield ".".join(path.with_suffix("").parts), tree, event, details


def names(module: str, tree: ast.Module, event: ast.expr) -> set[str]:
    """What the expression can be: a word, one of BUILT, a constant, or what callers hand to a parameter."""
    if isinstance(event, ast.Constant):
        return {str(event.value)}
    if isinstance(event, ast.JoinedStr):
        return BUILT[ast.unparse(event)]
    assert isinstance(event, ast.Name), ast.unparse(event)
    if event.id.isupper():
        return {str(getattr(import_module(module), event.id))}
    return set(_handed_over(tree, event.id))


def _handed_over(tree: ast.Module, parameter: str) -> Iterator[str]:
    places = {
        function.name: [one.arg for one in function.args.args].index(parameter)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and parameter in [one.arg for one in function.args.args]
    }
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in places:
            argument = call.args[places[call.func.id]]
            assert isinstance(argument, ast.Constant), ast.unparse(call)
            yield str(argument.value)


def test_every_event_is_explained_with_all_its_details_and_no_other() -> None:
    written: dict[str, set[str]] = defaultdict(set)
    for module, tree, event, details in appends():
        for name in names(module, tree, event):
            written[name] |= details
    explained = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in rows("Events")}
    assert explained == written


def test_every_event_stands_once_and_in_german_too() -> None:
    events = rows("Events")
    assert len({row[0] for row in events}) == len(events)
    assert all(len(row) == 3 and row[1] for row in events)


def test_every_fault_that_verification_tells_is_explained() -> None:
    told = [row[0] for row in rows("Checking it")]
    assert len(told) == len(AuditFault)
    assert all(fault.value.startswith(words) for fault, words in zip(AuditFault, told, strict=True))


def test_every_retention_is_listed_with_its_default() -> None:
    listed = {row[0].strip("`"): int(row[1]) for row in rows("Retention")}
    assert listed == RetentionSettings().model_dump()
