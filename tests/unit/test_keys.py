"""What makes a key good enough is decided from its facts alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.domain.keys import KeyFacts, SubkeyFacts, key_problem

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ENCRYPTION = SubkeyFacts(
    fingerprint="B" * 40,
    algorithm="ECDH",
    bits=255,
    curve="cv25519",
    created_at=NOW - timedelta(days=100),
    expires_at=None,
    can_sign=False,
    can_encrypt=True,
    revoked=False,
)
SIGNING = replace(ENCRYPTION, algorithm="EdDSA", curve="ed25519", can_sign=True, can_encrypt=False)
SHORT_RSA = replace(SIGNING, algorithm="RSA", bits=3071, curve=None)
KEY = KeyFacts(
    fingerprint="A" * 40,
    algorithm="EdDSA",
    bits=255,
    curve="ed25519",
    created_at=NOW - timedelta(days=100),
    expires_at=NOW + timedelta(days=100),
    user_ids=("Dentport",),
    can_sign=True,
    can_encrypt=True,
    revoked=False,
    subkeys=(ENCRYPTION,),
)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (KEY, None),
        (replace(KEY, subkeys=(SIGNING, ENCRYPTION)), None),
        (replace(KEY, algorithm="RSA", bits=3072, curve=None), None),
        (replace(KEY, expires_at=NOW + timedelta(seconds=1)), None),
        (replace(KEY, subkeys=(replace(SHORT_RSA, revoked=True), ENCRYPTION)), None),
        (replace(KEY, subkeys=(replace(SHORT_RSA, expires_at=NOW), ENCRYPTION)), None),
        (replace(KEY, revoked=True), "the key is revoked"),
        (replace(KEY, expires_at=None), "the key has no expiry date; give it one of at most a few years"),
        (replace(KEY, expires_at=NOW), "the key expired on 2026-06-01"),
        (
            replace(KEY, algorithm="RSA", bits=3071, curve=None),
            "the primary key is RSA with 3071 bits, at least 3072 are needed",
        ),
        (
            replace(KEY, algorithm="algorithm 99", bits=0, curve=None),
            "the primary key is algorithm 99 0, which is not accepted; use Ed25519 with Cv25519",
        ),
        (
            replace(KEY, subkeys=(SHORT_RSA, ENCRYPTION)),
            f"the subkey {'B' * 40} is RSA with 3071 bits, at least 3072 are needed",
        ),
        (replace(KEY, can_sign=False), "the key cannot sign"),
        (replace(KEY, subkeys=()), "the key has no usable subkey for encryption"),
        (replace(KEY, subkeys=(SIGNING,)), "the key has no usable subkey for encryption"),
        (
            replace(KEY, subkeys=(replace(ENCRYPTION, revoked=True),)),
            "the key has no usable subkey for encryption",
        ),
        (
            replace(KEY, subkeys=(replace(ENCRYPTION, expires_at=NOW),)),
            "the key has no usable subkey for encryption",
        ),
    ],
)
def test_key_problem_each_situation_gets_its_sentence(key: KeyFacts, problem: str | None) -> None:
    assert key_problem(key, NOW) == problem
