"""JSON Schemas of the two YAML files, so that an editor completes and checks them while they are written.

Made from the models and committed in `config/schemas`; a test holds them
equal. The agent itself never reads one: what counts is the model.
"""

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from agent.config.model import AgentSettings
from agent.config.partner_model import PartnerSettings
from agent.config.section import Section

AGENT_SCHEMA, PARTNER_SCHEMA = "agent.schema.json", "partner.schema.json"
SCHEMAS: dict[str, type[Section]] = {AGENT_SCHEMA: AgentSettings, PARTNER_SCHEMA: PartnerSettings}
_LIMITS = {"ge": "minimum", "le": "maximum"}


def schema_text(name: str) -> str:
    """The schema of one of SCHEMAS as it stands in its file (JSON Schema 2020-12)."""
    schema = {
        "$schema": GenerateJsonSchema.schema_dialect,
        **_plain(SCHEMAS[name].model_json_schema()),
        "title": "the file of one booking partner" if name == PARTNER_SCHEMA else "agent.yaml",
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def schema_line(path: str) -> str:
    """The comment by which an editor's YAML support finds the schema (yaml-language-server)."""
    return f"# yaml-language-server: $schema={path}\n"


def _plain(node: Any) -> Any:
    """Limits under the names of the standard: behind a check of our own the library gives its own names.

    Titles made from attribute names go: the descriptions say more.
    """
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {
        _LIMITS.get(key, key): _named(value) if key in ("properties", "$defs") else _plain(value)
        for key, value in node.items()
        if key != "title"
    }
    if "properties" in plain and "required" not in plain:
        plain["type"] = ["object", "null"]  # a heading whose lines are all commented out
    return plain


def _named(parts: dict[str, Any]) -> dict[str, Any]:
    """The same below names of our own, which are no words of the standard."""
    return {name: _plain(part) for name, part in parts.items()}
