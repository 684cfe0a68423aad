"""Law: a file is read in one sitting, a function on one screen."""

import ast

LINES_OF_A_FILE = 300
LINES_OF_A_FUNCTION = 40


def test_no_python_file_is_over_300_lines(tracked, python):
    lines = {name: len(tracked[name].splitlines()) for name in python}
    long = {name: count for name, count in lines.items() if count > LINES_OF_A_FILE}
    assert long == {}


def test_no_function_is_over_40_lines(python):
    long = {
        f"{name}:{node.name}": node.end_lineno - node.lineno + 1
        for name, tree in python.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > LINES_OF_A_FUNCTION
    }
    assert long == {}
