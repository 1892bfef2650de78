"""The agent as a service of this machine: put in place, taken away, looked at.

    installed_files   what lies in the repository's `service/` and travels with the package
    installation      what the service reads, writes and starts, from the configuration; both systems
    unit              systemd's unit, filled in for this installation
    linux, windows    the steps, each said before it is done

The command line alone enters here. The services themselves are thin shells around
`agent.daemon`; nothing of an exchange is known here.
"""

SERVICE_NAME = "otv-agent"
DISPLAY_NAME = "OTV agent"
DESCRIPTION = "Online booking bridge between the practice and its partners"
