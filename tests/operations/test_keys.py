from hashlib import sha256

from operations.keys import new_key


def test_a_key_says_where_it_belongs_and_comes_with_its_hash():
    key, digest = new_key("prod-aws")
    assert key.startswith("sk-prod-aws-")
    assert digest == sha256(key.encode()).hexdigest()


def test_a_key_has_256_random_bits_in_characters_that_a_header_takes():
    """43 characters of base64url are 258 bits, of which 256 are random."""
    secret = new_key("s")[0].removeprefix("sk-s-")
    assert len(secret) == 43
    assert secret.replace("-", "").replace("_", "").isalnum()
    assert secret.isascii()


def test_no_two_keys_are_the_same():
    assert len({new_key("s")[0] for _ in range(1000)}) == 1000
