"""`python -m agent`, the same as the command `otv-agent`."""

from agent.cli.main import main

if __name__ == "__main__":
    main()
