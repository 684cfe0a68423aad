import pytest
from jinja2 import TemplateNotFound, UndefinedError

from components import templating


@pytest.fixture
def template(tmp_path, monkeypatch):
    """Render a text as if it stood in templates/."""
    monkeypatch.setattr(templating, "TEMPLATES", tmp_path)
    environment = templating._environment  # noqa: SLF001  # made once; here once for each test
    environment.cache_clear()

    def render(text, **values):
        (tmp_path / "page.j2").write_text(text)
        return templating.render_template("page.j2", **values)

    yield render
    environment.cache_clear()


def test_a_value_that_is_not_given_is_an_error_and_not_an_empty_string(template):
    with pytest.raises(UndefinedError, match="'prot' is undefined"):
        template("listen {{ prot }};\n", port=8443)


def test_a_field_that_the_plan_lacks_is_an_error(template):
    with pytest.raises(UndefinedError, match="has no attribute 'prot'"):
        template("listen {{ plan.prot }};\n", plan=object())


def test_a_block_leaves_no_empty_line(template):
    text = "server {\n  {% for port in ports %}\n  listen {{ port }};\n  {% endfor %}\n}\n"
    assert template(text, ports=[80, 443]) == "server {\n  listen 80;\n  listen 443;\n}\n"


def test_nothing_is_escaped_because_nothing_is_html(template):
    assert template("{{ guard }}", guard="a < b && 'c'") == "a < b && 'c'"


def test_a_template_that_does_not_exist_is_named():
    with pytest.raises(TemplateNotFound, match=r"gateway/none\.j2"):
        templating.render_template("gateway/none.j2")
