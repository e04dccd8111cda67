"""Judges branches by themselves: slipcover judges them together with the lines, of which there are ten times more."""

import json
import sys
import tomllib
from pathlib import Path

limit = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["slipcover"]["fail-under"]
summary = json.loads(Path(".coverage.json").read_text(encoding="utf-8"))["summary"]
percent = 100 * summary["covered_branches"] / (summary["covered_branches"] + summary["missing_branches"])

sys.stdout.write(f"{percent:.1f} % of the branches were taken.\n")
sys.exit(0 if percent >= limit else f"That is less than {limit} %.")
