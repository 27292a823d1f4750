"""Who may use a server: a bearer token, and a certificate for TLS, which may be self-signed."""

from __future__ import annotations

import binascii
import hmac
import secrets
import socket
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from autosplit.errors import AutoSplitError, warn

LEAST_TOKEN = 16
"""Characters of the shortest token that is taken."""
CERTIFICATE, KEY, TOKEN = "cert.pem", "key.pem", "token.txt"
"""Names of the files that ``make_credentials`` writes."""
NOT_ADMITTED = "authorization: must be Bearer and the token of the server, is not"
"""What a client without the token is told."""
_DAYS = 365
_BEARER, _BASIC = "bearer ", "basic "


class CredentialsError(AutoSplitError):
    """A certificate, a key or a token is missing or cannot be used."""


@dataclass(frozen=True)
class Credentials:
    """What protects a server; nothing does where all are None.

    Attributes:
        certificate: PEM file of the certificate, with those that signed it.
        key: PEM file of its private key.
        token: What a client must send as ``Authorization: Bearer TOKEN``.
    """

    certificate: Path | None = None
    key: Path | None = None
    token: str | None = field(default=None, repr=False)

    @property
    def complete(self) -> bool:
        """Whether both TLS and a token are there, as an address that others reach needs."""
        return None not in (self.certificate, self.key, self.token)

    def admits(self, header: str | None, browser: bool = False) -> bool:
        """Whether a request may pass; the comparison takes the same time for every wrong token.

        Args:
            header: Its ``Authorization``.
            browser: Whether the token may be the password of ``Basic``, which a browser asks for.
        """
        if self.token is None:
            return True
        sent = header or ""
        if sent.lower().startswith(_BEARER):
            given = sent[len(_BEARER) :].strip().encode()
        elif browser and sent.lower().startswith(_BASIC):
            given = _password(sent[len(_BASIC) :].strip())
        else:
            return False
        return hmac.compare_digest(given, self.token.encode())


def _password(coded: str) -> bytes:
    """The password of ``Basic``, behind any user's name; empty where there is none."""
    try:
        return b64decode(coded, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def server_names(host: str, more: Sequence[str] = ()) -> tuple[str, ...]:
    """Names and addresses at which clients reach a server.

    Args:
        host: Address that it listens on; of every address of this machine (``0.0.0.0``, ``::``):
            the machine's name, the addresses that it knows of itself, and loopback.
        more: Further ones.
    """
    found = [*more, host]
    if _is_every_address(host):
        name = socket.gethostname()
        try:
            known = socket.gethostbyname_ex(name)[2]
        except OSError:  # a name that nothing resolves
            known = []
        found = [*more, name, *known, *_outward_address(), "localhost", "127.0.0.1", "::1"]
    return tuple(dict.fromkeys(found))


def warn_of_names(certificate: Path, host: str, more: Sequence[str] = ()) -> None:
    """Warn of a certificate that is not for the names at which clients reach a server.

    Args:
        certificate: PEM file.
        host: As ``server_names`` has it; of every address of this machine one is enough.
        more: As ``server_names`` has them.
    """
    from cryptography import x509

    try:
        made = x509.load_pem_x509_certificate(certificate.read_bytes())
        about = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return
    has = {*about.get_values_for_type(x509.DNSName)}
    has |= {str(one) for one in about.get_values_for_type(x509.IPAddress)}
    asked = [*more] if _is_every_address(host) else [*more, host]
    lacking = [one for one in asked or server_names(host) if not _variants(one) & has]
    if lacking and (asked or len(lacking) == len(server_names(host))):
        warn(
            f"{certificate}: is for {', '.join(sorted(has))}, clients that reach the server at "
            f"{', '.join(lacking)} refuse it; for a new one move it and its key away"
        )


def _variants(name: str) -> set[str]:
    """A name, and the one with a star that stands for it."""
    return {name, f"*.{name.partition('.')[2]}"}


def _is_every_address(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _outward_address() -> list[str]:
    """The address from which this machine reaches others; none without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))  # of documentation; connecting sends nothing
        except OSError:
            return []
        return [asking.getsockname()[0]]


def asked_credentials(
    names: Sequence[str],
    certificate: Path | None = None,
    key: Path | None = None,
    token_file: Path | None = None,
    folder: Path | None = None,
) -> Credentials:
    """Credentials from their files, or from a folder that gets those that are missing.

    Args:
        names: As ``make_credentials`` has them.
        certificate: PEM file of the certificate.
        key: PEM file of its private key.
        token_file: File with the token.
        folder: The folder.

    Raises:
        CredentialsError: Both are asked for, or what is there cannot be used.
    """
    if folder is None:
        return read_credentials(certificate, key, token_file)
    if (certificate, key, token_file) != (None, None, None):
        raise CredentialsError(
            "--credentials: must stand alone, --tls-cert, --tls-key or --token-file is given too"
        )
    return make_credentials(folder, names)


def read_credentials(
    certificate: Path | None, key: Path | None, token_file: Path | None
) -> Credentials:
    """Credentials from their files.

    Raises:
        CredentialsError: A file is missing, or only one of certificate and key is given.
    """
    if (certificate is None) != (key is None):
        raise CredentialsError("--tls-cert: must come with --tls-key, only one of them is given")
    for option, path in (("--tls-cert", certificate), ("--tls-key", key)):
        if path is not None and not path.is_file():
            raise CredentialsError(f"{option}: must be a file, {path} is none")
    return Credentials(certificate, key, None if token_file is None else read_token(token_file))


def read_token(path: Path) -> str:
    """The token in a file, without the white space around it.

    Raises:
        CredentialsError: There is no such file, or what it holds is no token.
    """
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsError(f"--token-file: must be a file of ASCII text, {path}") from error
    if len(token) < LEAST_TOKEN or not token.isprintable() or " " in token:
        raise CredentialsError(
            f"--token-file: {path} must hold one token of at least {LEAST_TOKEN} printable "
            f"characters, holds {len(token)}"
        )
    return token


def make_credentials(folder: Path, names: Sequence[str]) -> Credentials:
    """Read the credentials of a folder, after making those that are missing.

    Args:
        folder: Gets ``cert.pem``, self-signed, ``key.pem`` and ``token.txt``.
        names: Names and addresses at which clients reach the server.

    Raises:
        CredentialsError: What is there cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key, token = (folder / name for name in (CERTIFICATE, KEY, TOKEN))
    if not certificate.exists() and not key.exists():
        made, secret = self_signed(names)
        certificate.write_bytes(made)
        _write_secret(key, secret)
    if not token.exists():
        _write_secret(token, f"{secrets.token_urlsafe(32)}\n".encode())
    return read_credentials(certificate, key, token)


def self_signed(names: Sequence[str]) -> tuple[bytes, bytes]:
    """A certificate that is signed with its own key, and the key, both as PEM.

    Args:
        names: Names and addresses that it is for.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0][:64])])
    places: list[x509.GeneralName] = []
    for one in names:
        try:
            places.append(x509.IPAddress(ip_address(one)))
        except ValueError:
            places.append(x509.DNSName(one))
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM), secret


def _write_secret(path: Path, content: bytes) -> None:
    """Write a file that its owner alone may read."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_bytes(content)
