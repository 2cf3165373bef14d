"""The README's test command, `python -m tests`: lint, format, types, then the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

STEPS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("pytest",),
)


def main() -> int:
    """Run every step and stop at the first that fails, with its exit code."""
    for step in STEPS:
        more = sys.argv[1:] if step[0] == "pytest" else []
        sys.stdout.write(f"\n$ {' '.join(step)}\n")
        sys.stdout.flush()
        code = subprocess.run([sys.executable, "-m", *step, *more], cwd=ROOT, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
