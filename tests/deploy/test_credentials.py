"""Tokens and certificates: read, made, and compared; a wrong one has one clear error."""

import socket
import ssl
import stat

import pytest
from cryptography import x509

from autosplit.deploy.credentials import (
    Credentials,
    CredentialsError,
    asked_credentials,
    make_credentials,
    read_token,
    server_names,
    warn_of_names,
)
from autosplit.errors import AutoSplitWarning

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


@pytest.mark.parametrize(
    ("header", "passes"),
    [
        (f"Bearer {TOKEN}", True),
        ("Basic YTowMTIzNDU2Nzg5YWJjZGVm", True),  # a:0123456789abcdef
        ("basic OjAxMjM0NTY3ODlhYmNkZWY=", True),  # :0123456789abcdef
        ("Basic MDEyMzQ1Njc4OWFiY2RlZg==", False),  # 0123456789abcdef
        ("Basic MDEyMzQ1Njc4OWFiY2RlZjo=", False),  # 0123456789abcdef:
        ("Basic YTowMTIzNDU2Nzg5YWJjZGVmZw==", False),  # a:0123456789abcdefg
        ("Basic \u00e9", False),
        ("Basic a", False),
        (None, False),
    ],
)
def test_a_browser_may_send_the_token_as_a_password(header, passes):
    assert Credentials(token=TOKEN).admits(header, browser=True) is passes
    assert not Credentials(token=TOKEN).admits("Basic YTowMTIzNDU2Nzg5YWJjZGVm")


def test_a_folder_gets_what_is_missing_and_keeps_what_is_there(tmp_path):
    made = make_credentials(tmp_path / "a", ["127.0.0.1"])

    assert made.complete
    assert len(made.token) > 40
    assert all(
        stat.S_IMODE((tmp_path / "a" / name).stat().st_mode) == 0o600
        for name in ("key.pem", "token.txt")
    )
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(made.certificate, made.key)
    assert make_credentials(tmp_path / "a", ["other.example"]) == made
    assert make_credentials(tmp_path / "b", ["host.example"]).token != made.token


@pytest.mark.parametrize("content", [b"", b"short", b"two words in one token", b"\xff" * 20])
def test_what_is_no_token_is_refused(tmp_path, content):
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(CredentialsError, match="--token-file: "):
        read_token(path)


def test_files_that_do_not_go_together_are_refused(tmp_path):
    path = tmp_path / "c.pem"
    with pytest.raises(CredentialsError, match="--tls-cert: must come with --tls-key"):
        asked_credentials(["localhost"], path)
    with pytest.raises(CredentialsError, match="--tls-cert: must be a file"):
        asked_credentials(["localhost"], path, path)
    with pytest.raises(CredentialsError, match="--credentials: must stand alone"):
        asked_credentials(["localhost"], path, path, folder=tmp_path)
    with pytest.raises(CredentialsError, match="--token-file: must be a file of ASCII text"):
        asked_credentials(["localhost"], token_file=path)


def alternative_names(path):
    """Names and addresses in a certificate, as OpenSSL's rules take them."""
    made = x509.load_pem_x509_certificate(path.read_bytes())
    found = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = map(str, found.get_values_for_type(x509.IPAddress))
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def test_a_certificate_is_for_every_name_that_clients_use(tmp_path):
    names = ["cloud.example", "192.0.2.7", "::1"]
    made = make_credentials(tmp_path, names)
    assert alternative_names(made.certificate) == names


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_every_address_of_this_machine_is_its_names_and_addresses(host):
    found = server_names(host, ["cloud.example"])

    assert found[:2] == ("cloud.example", socket.gethostname())
    assert {"127.0.0.1", "::1", "localhost"} < set(found)
    assert host not in found
    assert len(set(found)) == len(found)
    assert server_names("192.0.2.7", ["a", "192.0.2.7"]) == ("a", "192.0.2.7")


@pytest.mark.parametrize(
    ("has", "host", "more", "lacking"),
    [
        (["192.0.2.7"], "192.0.2.8", [], "192.0.2.8"),
        (["192.0.2.7"], "192.0.2.7", ["cloud.example", "b"], "cloud.example, b"),
        (["0.0.0.0"], "0.0.0.0", ["cloud.example"], "cloud.example"),
        (["other.example"], "0.0.0.0", [], ".*127.0.0.1.*"),
        (["192.0.2.7", "*.example"], "192.0.2.7", ["cloud.example"], None),
        (["127.0.0.1", "other.example"], "0.0.0.0", [], None),
    ],
)
def test_a_certificate_for_other_names_brings_a_warning(tmp_path, has, host, more, lacking):
    made = make_credentials(tmp_path, has)
    if lacking is None:
        warn_of_names(made.certificate, host, more)  # warnings are errors in tests
        return
    words = rf"cert\.pem: is for {', '.join(has)}, clients .* at {lacking} refuse it; .* move it"
    with pytest.warns(AutoSplitWarning, match=words):
        warn_of_names(made.certificate, host, more)


def test_a_certificate_that_names_nobody_is_left_to_tls(tmp_path):
    path = tmp_path / "c.pem"
    path.write_text("none")
    warn_of_names(path, "192.0.2.7")
