import json

import pytest

from components.gateway.credentials import certificate_files, keys_map

A, B = "a" * 64, "b" * 64


def entry(**changed):
    return {"tenant": "acme", "expires": None} | changed


def refusal(text, tenants=("acme",)):
    with pytest.raises(ValueError, match=r".") as refused:
        keys_map(text if isinstance(text, str) else json.dumps(text), tenants)
    return str(refused.value)


def test_a_key_is_a_line_with_its_tenant_and_its_last_day():
    keys = {A: entry(), B: entry(tenant="other", expires="2027-01-31")}
    assert keys_map(json.dumps(keys), ["acme", "other"]) == (
        f'"{A}" "acme:";\n"{B}" "other:2027-01-31";\n'
    )


def test_no_keys_are_no_lines():
    assert keys_map("{}", ["acme"]) == ""


def test_a_key_of_no_tenant_is_refused_with_the_known():
    assert refusal({A: entry(), B: entry(tenant="acne")}) == (
        "gateway-keys: key 2 belongs to 'acne', which is no tenant. Known: acme"
    )


def test_a_key_that_stands_twice_is_refused():
    twice = f'{{"{A}": {json.dumps(entry())}, "{A}": {json.dumps(entry())}}}'
    assert refusal(twice) == ("gateway-keys: the same key stands there twice; issue one key once")


@pytest.mark.parametrize("key", ["sk-live-clear-text", "A" * 64, "a" * 63, "a" * 65, 'a"' * 32])
def test_what_is_no_hash_is_refused_and_not_repeated(key):
    told = refusal({key: entry()})
    assert told == ("gateway-keys: key 1 is not a SHA-256 in 64 lower-case hexadecimal digits")


@pytest.mark.parametrize("expires", ["2027-1-1", "2027-13-01", "2027-01-32", 20270101, "", "soon"])
def test_a_day_that_is_none_is_refused(expires):
    assert refusal({A: entry(expires=expires)}) == (
        "gateway-keys: key 1 expires neither never (null) nor on a day (YYYY-MM-DD)"
    )


@pytest.mark.parametrize("fields", [{}, [], "acme", {"tenant": "acme"}, entry(note="x")])
def test_other_fields_are_refused(fields):
    assert refusal({A: fields}) == ("gateway-keys: key 1 has other fields than tenant and expires")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{canary", "gateway-keys: it is not JSON"),
        ("[]", "gateway-keys: it is not a JSON object"),
        ('"canary"', "gateway-keys: it is not a JSON object"),
    ],
)
def test_a_broken_text_is_refused_and_not_repeated(text, told):
    assert refusal(text) == told


def test_more_keys_than_a_secret_holds_are_refused():
    keys = {f"{number:064x}": entry(expires="2027-01-31") for number in range(13_000)}
    assert refusal(keys) == (
        "gateway-keys: 13000 keys are 1118000 bytes, and a Secret holds 1048576; "
        "revoke keys that nobody uses"
    )


def test_a_certificate_is_three_files():
    files = {"tls.crt": "c", "tls.key": "k", "ca.crt": "a"}
    assert certificate_files(json.dumps(files)) == files


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "gateway-tls: it is not set; `blueprint tls issue` makes it"),
        ("canary", "gateway-tls: it is not JSON"),
        (
            '{"tls.crt": "", "tls.key": ""}',
            (
                "gateway-tls: it is not an object of tls.crt, tls.key, ca.crt; "
                "`blueprint tls issue` makes one"
            ),
        ),
        (
            '{"tls.crt": "", "tls.key": "", "ca.crt": null}',
            (
                "gateway-tls: it is not an object of tls.crt, tls.key, ca.crt; "
                "`blueprint tls issue` makes one"
            ),
        ),
    ],
)
def test_what_is_no_certificate_is_refused(text, told):
    with pytest.raises(ValueError, match=r".") as refused:
        certificate_files(text)
    assert str(refused.value) == told
