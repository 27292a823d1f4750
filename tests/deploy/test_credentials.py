"""Tokens and certificates: read, made, and compared; a wrong one has one clear error."""

import ssl
import stat

import pytest

from autosplit.deploy.credentials import (
    Credentials,
    CredentialsError,
    asked_credentials,
    make_credentials,
    read_token,
)

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("header", "passes"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer {TOKEN}", True),
        (TOKEN, False),
        (f"Basic {TOKEN}", False),
        (f"Bearer {TOKEN}x", False),
        (f"Bearer {TOKEN[:-1]}", False),
        ("Bearer \u00e9", False),
        ("", False),
        (None, False),
    ],
)
def test_the_token_alone_passes(header, passes):
    assert Credentials(token=TOKEN).admits(header) is passes
    assert Credentials().admits(header)
    assert TOKEN not in repr(Credentials(token=TOKEN))


def test_a_folder_gets_what_is_missing_and_keeps_what_is_there(tmp_path):
    made = make_credentials(tmp_path / "a", "127.0.0.1")

    assert made.complete
    assert len(made.token) > 40
    assert all(
        stat.S_IMODE((tmp_path / "a" / name).stat().st_mode) == 0o600
        for name in ("key.pem", "token.txt")
    )
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(made.certificate, made.key)
    assert make_credentials(tmp_path / "a", "other.example") == made
    assert make_credentials(tmp_path / "b", "host.example").token != made.token


@pytest.mark.parametrize("content", [b"", b"short", b"two words in one token", b"\xff" * 20])
def test_what_is_no_token_is_refused(tmp_path, content):
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(CredentialsError, match="--token-file: "):
        read_token(path)


def test_files_that_do_not_go_together_are_refused(tmp_path):
    path = tmp_path / "c.pem"
    with pytest.raises(CredentialsError, match="--tls-cert: must come with --tls-key"):
        asked_credentials("localhost", path)
    with pytest.raises(CredentialsError, match="--tls-cert: must be a file"):
        asked_credentials("localhost", path, path)
    with pytest.raises(CredentialsError, match="--credentials: must stand alone"):
        asked_credentials("localhost", path, path, folder=tmp_path)
    with pytest.raises(CredentialsError, match="--token-file: must be a file of ASCII text"):
        asked_credentials("localhost", token_file=path)
