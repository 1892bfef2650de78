"""`python -m agent.documentation`: bring the written pages of this source tree up to date."""

from pathlib import Path

from agent.documentation.pages import write_pages

if __name__ == "__main__":
    write_pages(Path(__file__).parents[2])
