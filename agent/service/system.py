"""The service manager of this machine: systemd, or the one of Windows. The command line asks here."""

import sys

if sys.platform == "win32":
    from agent.service.windows import plan_to_install, plan_to_remove, service_state
else:
    from agent.service.linux import plan_to_install, plan_to_remove, service_state

__all__ = ["plan_to_install", "plan_to_remove", "service_state"]
