"""What no tool knows: sizes, names of folders, secrets of the workshop, rules that nothing tests."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
TOP_LEVEL = {
    "hashgraph", "election", "shards", "bac", "tests", "bench", "docs", "deploy", "examples", ".ci",
    "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "Makefile", "requirements.lock", ".gitignore",
}  # fmt: skip
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "core", "manager", "misc"}
RULE = re.compile(r"\*\*([A-Z]{1,3}-?\d+[a-z]?)\*\*")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sorted(path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file())


FILES = tracked()
PYTHON = [path for path in FILES if path.suffix == ".py"]
TEXT = [path for path in FILES if path.suffix in {".py", ".md", ".toml", ".sh", ".lock", ".json", ".yml", ""}]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_top_level_holds_the_house_plan_and_nothing_else() -> None:
    assert {name(path).split("/")[0] for path in FILES} <= TOP_LEVEL


def test_folders_and_files_are_nouns_of_the_domain() -> None:
    parts = {part for path in PYTHON for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not parts & FORBIDDEN_NAMES


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_sizes(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= FILE_LINES_MAX
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < FUNCTION_LINES_MAX, f"{name(path)}:{node.lineno} {node.name}"


def test_nothing_tracked_refers_to_the_workshop() -> None:
    here = str(ROOT.parent) + "/"
    words = ("../" + "shared", "/ho" + "me/", "/ro" + "ot/", "pypi" + ".org", "files.python" + "hosted", here)
    found = [
        f"{name(path)}: {word}"
        for path in TEXT
        for word in words
        if len(word) > 2 and word in path.read_text(errors="replace")
    ]
    assert not found


def test_every_numbered_rule_of_the_specification_is_named_by_a_test() -> None:
    tests = "\n".join(path.read_text() for path in PYTHON if "tests" in path.parts)
    rules = {rule for path in (ROOT / "docs" / "spec").glob("*.md") for rule in RULE.findall(path.read_text())}
    assert rules, "the specification numbers its rules like **HG-1**"
    missing = sorted(rule for rule in rules if not re.search(rf"\b{re.escape(rule)}\b", tests))
    assert not missing
