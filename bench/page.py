"""docs/performance.md, which holds figures between marks that say where they come from."""

from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs/performance.md"


def write(mark, text):
    """Puts text between <!-- MARK --> and <!-- /MARK -->, in the place of what was there."""
    head, rest = PAGE.read_text().split(f"<!-- {mark} -->\n", 1)
    tail = rest.split(f"<!-- /{mark} -->\n", 1)[1]
    PAGE.write_text(f"{head}<!-- {mark} -->\n{text}<!-- /{mark} -->\n{tail}")
