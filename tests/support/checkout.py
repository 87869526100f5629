"""Folders of this checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "suite" / "config" / "conf"
RESULTS = ROOT / "results"
PUBLISHED = RESULTS / "published"
