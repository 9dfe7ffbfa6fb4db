"""Makes src/tsgen/blocking.py from src/tsgen/commands.py: the same calls without asyncio. With --check it only compares.

Two faces written by hand would drift apart; a test runs the check.
"""

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "src/tsgen"
HEAD = (
    "for asyncio. `blocking.py` is made from this file, by `tools/unasync.py`.",
    "for programs without asyncio.\n\nMade from `commands.py` by `tools/unasync.py`: change that file, not this one.",
)


def blocking(source: str) -> str:
    source = source.replace(*HEAD)
    for pattern, new in ((r"\basync def", "def"), (r"\bawait ", ""), (r"\bAsync(?=[A-Z])", ""), (r"\bconnect_async\b", "connect")):
        source = re.sub(pattern, new, source)
    return source


if __name__ == "__main__":
    made, target = blocking((FOLDER / "commands.py").read_text()), FOLDER / "blocking.py"
    if "--check" in sys.argv:
        sys.exit(0 if target.read_text() == made else f"{target} is not what tools/unasync.py makes of commands.py")
    target.write_text(made)
