"""The configuration: `agent.yaml` and `partners/*.yaml`, typed, closed, all problems at once.

    yaml_source   text values with line numbers        problems      pydantic's errors as sentences
    section       closed, frozen models                consistency   right alone, wrong together
    values        kinds of value                       loading       the three steps in a row
    secrets       references to secrets                sample        the commented sample and the tables
    model, partner_model   the settings themselves

Only the composition root, the daemon and the command line read it; everybody
else gets plain values.
"""

from agent.config.loading import Config, Partner, config_fingerprint, load_config
from agent.config.model import AgentSettings
from agent.config.partner_model import PartnerSettings, SftpSettings
from agent.config.secrets import SecretRef
from agent.config.status_page_model import StatusPageSettings
from agent.config.watch_model import MailSettings

__all__ = [
    "AgentSettings",
    "Config",
    "MailSettings",
    "Partner",
    "PartnerSettings",
    "SecretRef",
    "SftpSettings",
    "StatusPageSettings",
    "config_fingerprint",
    "load_config",
]
