"""The door out: what is refused before a connection is made, and what a connection is made to."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from marketplaces.contract import Unavailable
from marketplaces.http import LONGEST_WAIT, ApiClient, is_public, retry_after
from tests.receiver import Receiver, listening


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.0.1"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fc00::1", "fe80::1", "fe80::1%lo"),
        *("fec0::1", "ff02::1", "2001:db8::1"),
        pytest.param("::ffff:127.0.0.1", id="IPv4-mapped"),
        pytest.param("::127.0.0.1", id="IPv4-compatible"),
        pytest.param("64:ff9b::7f00:1", id="NAT64"),
        pytest.param("2002:7f00:1::", id="6to4"),
        pytest.param("2001:0:7f00:1::", id="Teredo"),
    ],
)
def test_whatever_leads_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "0", "localhost"),
        *("LOCALHOST", "localhost.", "①②⑦.⓪.⓪.①", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    ],
)
def test_no_spelling_of_a_private_host_is_called(receiver: Receiver, host: str) -> None:
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    with pytest.raises(Unavailable):
        ApiClient(f"http://{host}:{port}", {}).send("POST", "/hub", content=b"{}")
    assert receiver.heard == []


def test_a_name_that_changes_its_address_after_the_check_leads_nowhere(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def rebinding(host: str, port: Any, *_args: Any, **_kwargs: Any) -> list[Any]:
        asked.append(host)
        if host != "rebinding.example":
            raise socket.gaierror("this test reaches nobody")
        address = "93.184.215.14" if asked.count(host) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    client = ApiClient(receiver.url.replace("127.0.0.1", "rebinding.example"), {})
    with pytest.raises(Unavailable, match="ConnectionError"):
        client.send("POST", "", content=b"{}")
    assert asked == ["rebinding.example", "93.184.215.14"], "what was checked is what is connected to"
    with pytest.raises(Unavailable, match="private"):
        client.send("POST", "", content=b"{}")
    assert receiver.heard == []


def test_a_host_with_one_private_address_among_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in ("1.1.1.1", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)
    with pytest.raises(Unavailable, match="private"):
        ApiClient("https://erp.example", {}).send("GET", "/")


def certify(name: str, folder: Path) -> Path:
    """Make a certificate of a name that signs itself; its key is in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def test_tls_keeps_to_the_name_though_the_address_was_chosen_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = certify("erp.example", tmp_path)
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    asked: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with listening(context) as receiver:
        port = receiver.url.rpartition(":")[2].partition("/")[0]

        def post(name: str) -> int:
            client = ApiClient(f"https://{name}:{port}", {}, look_up=lambda _host: "127.0.0.1")
            return client.send("POST", "/hub", content=b"{}").status

        assert post("erp.example") == 200
        with pytest.raises(Unavailable, match="SSLError"):
            post("bank.example")
        with pytest.raises(Unavailable, match="SSLError"):
            post("127.0.0.1")
    assert asked[:2] == ["erp.example", "bank.example"]
    assert [one.headers["Host"] for one in receiver.heard] == [f"erp.example:{port}"]


@pytest.mark.parametrize("length", ["²", "x", "9" * 5000], ids=len)
def test_an_answer_whose_length_is_no_number_is_taken_as_it_came(receiver: Receiver, length: str) -> None:
    receiver.headers = {"Content-Length": length}

    answer = ApiClient(receiver.url, {}, allow_private=True).send("POST", "", content=b"{}")

    assert answer.body == b"ok"


# --- how long somebody asks to be left alone ---------------------------------------------------


def asked_for(said: str) -> timedelta | None:
    return retry_after({"Retry-After": said})


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7), ("0.5", 0.5), ("0", 0), ("-3", 0), (" 30 ", 30), ("3599", 3599)]
)
def test_seconds_are_waited_as_asked_for(said: str, seconds: float) -> None:
    assert asked_for(said) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "said", ["3601", "999999999", "99999999999999", "1e300", pytest.param("9" * 300, id="many")]
)
def test_nobody_is_left_alone_for_longer_than_the_longest_wait(said: str) -> None:
    assert asked_for(said) == LONGEST_WAIT


@pytest.mark.parametrize(
    "write", [lambda at: str(int(at.timestamp())), format_datetime], ids=["seconds", "date"]
)
def test_a_moment_is_waited_for_whether_written_as_a_date_or_in_seconds_since_1970(write: Any) -> None:
    now = datetime.now(UTC)

    in_a_minute = asked_for(write(now + timedelta(minutes=1)))

    assert in_a_minute is not None
    assert timedelta(seconds=50) < in_a_minute <= timedelta(minutes=1)
    assert asked_for(write(now - timedelta(days=1))) == timedelta(0)
    assert asked_for(write(now + timedelta(days=400))) == LONGEST_WAIT


@pytest.mark.parametrize(
    "said", ["", "soon", "inf", "-inf", "nan", "Mon, 99 Foo 2026", "Fri, 31 Dec 99999 23:59:59 GMT"]
)
def test_what_says_no_time_asks_for_nothing(said: str) -> None:
    assert asked_for(said) is None
