"""The program is too small to be wrong: it composes, and decides nothing."""

import ast
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "__main__.py"


def test_the_program_is_under_40_lines_and_has_no_condition():
    text = PROGRAM.read_text("utf-8")
    decisions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.If | ast.IfExp)]
    assert len(text.splitlines()) < 40
    assert decisions == []
