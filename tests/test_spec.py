"""What every spec model shares. The rules for labels are checked against a second reading of
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set.
"""

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from components.spec import LabelKey, LabelValue, Name, Spec

ALNUM = set(string.ascii_letters + string.digits)
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
KEYS = st.text(alphabet="aZ9-_./", max_size=12)
LONG = "a" * 63


class Port(Spec):
    port: int


def accepts(kind, text):
    try:
        TypeAdapter(kind).validate_python(text, strict=True)
    except ValidationError:
        return False
    return True


def is_label_name(text):
    return (
        1 <= len(text) <= 63
        and set(text) <= ALNUM | set("-_.")
        and text[0] in ALNUM
        and text[-1] in ALNUM
    )


def is_label_key(text):
    *prefix, name = text.split("/")
    if not is_label_name(name) or len(prefix) > 1:
        return False
    return not prefix or (
        len(prefix[0]) <= 253 and all(DNS_LABEL.fullmatch(part) for part in prefix[0].split("."))
    )


@given(KEYS)
@example("deepseek-blueprint/pool")
@example("kubernetes.io/metadata.name")
@example("-example.com/owner")
@example("example..com/owner")
@example("example.com-/owner")
@example("/owner")
@example("a/b/c")
@example(LONG)
@example(LONG + "a")
def test_a_label_key_is_accepted_exactly_when_kubernetes_accepts_it(text):
    assert accepts(LabelKey, text) == is_label_key(text)


@given(st.text(alphabet="aZ9-_.", max_size=12))
@example("")
@example(LONG)
@example(LONG + "a")
@example("a\n")
@example("a/b")
@example("é")
def test_a_label_value_is_accepted_exactly_when_kubernetes_accepts_it(text):
    assert accepts(LabelValue, text) == (text == "" or is_label_name(text))


@pytest.mark.parametrize("text", ["r", "r1", "r1-70b", "a" * 40])
def test_a_name_is_a_dns_label(text):
    assert accepts(Name, text)


@pytest.mark.parametrize(
    "text", ["", "1r", "-r", "r-", "R1", "r_1", "r.1", "a" * 41, "r1\n", " r1", "é"]
)
def test_what_kubernetes_would_not_take_as_a_name_is_refused(text):
    assert not accepts(Name, text)


def test_a_spec_cannot_be_changed_after_it_was_checked():
    with pytest.raises(ValidationError, match="Instance is frozen"):
        Port(port=80).port = 81


@pytest.mark.parametrize("value", ["80", 80.0, True])
def test_a_spec_reads_no_number_out_of_another_type(value):
    with pytest.raises(ValidationError, match="valid integer"):
        Port(port=value)


def test_a_key_that_the_spec_does_not_have_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Port(port=80, prot=81)
