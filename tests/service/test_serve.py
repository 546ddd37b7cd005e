"""The command `serve` runs the service, or prints an error and a remedy."""

import gc
import socket
import sys

import httpx
import pytest
from sqlalchemy import make_url

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.service import serve
from orm_async_tests.service.settings import PREFIX, Settings
from tests.service.service_process import run_service


def test_serve_creates_the_tables_of_an_empty_database(
    empty_database: db.Database,
) -> None:
    with run_service(empty_database.url) as service:
        assert httpx.get(f"{service.url}/users").json() == {"items": [], "next": None}


def test_the_garbage_collector_ignores_the_application() -> None:
    app = serve.create_frozen_app(make_url("postgresql://localhost/x"), Settings())
    collected = any(candidate is app for candidate in gc.get_objects())
    gc.unfreeze()
    assert not collected


@pytest.mark.skipif(sys.platform != "linux", reason="another kernel keeps another number of bytes")
def test_the_kernel_keeps_few_bytes_for_a_client_that_reads_nothing() -> None:
    with (
        serve.bind("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        buffered = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert buffered == 2 * serve.SEND_BUFFER


@pytest.mark.parametrize(
    ("arguments", "variables", "place"),
    [
        (["--port", "99999"], {}, "127.0.0.1:99999"),
        ([], {f"{PREFIX}POOL_SIZE": "many"}, f"{PREFIX}POOL_SIZE"),
        (["--port", "0"], {f"{PREFIX}STATEMENT_TIMEOUT": "inf"}, f"{PREFIX}STATEMENT_TIMEOUT"),
        (["--port", "0"], {f"{PREFIX}STATEMENT_TIMEOUT": "0.0001"}, f"{PREFIX}STATEMENT_TIMEOUT"),
        (["--port", "0"], {f"{PREFIX}HOSTS": "local*"}, f"{PREFIX}HOSTS"),
        (["--port", "0"], {f"{PREFIX}READ_URL": "nowhere"}, f"{PREFIX}READ_URL"),
        (["--port", "0"], {f"{PREFIX}POOLER": "true"}, f"{PREFIX}POOLER"),
        (["--port", "0", "--db", "postgresql://127.0.0.1:1/x"], {}, "127.0.0.1:1/x"),
    ],
)
def test_a_setting_that_is_wrong_is_named_with_a_remedy(
    home: object,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    variables: dict[str, str],
    place: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["serve", *arguments])
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert serve.main() == 2
    details = [line for line in capsys.readouterr().err.splitlines() if line.startswith("  ")]
    assert [line.split(":")[0].strip() for line in details] == ["where", "fix"]
    assert place in details[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_host_may_be_an_address_of_either_family(host: str) -> None:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, 0), family=family).close()
    except OSError as error:
        pytest.skip(f"this machine has no address {host}: {error}")
    with serve.bind(host, 0) as listener, socket.create_connection(listener.getsockname()[:2]):
        assert httpx.URL(serve.format_url(listener)).host == host


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "127.0.0.1::"])
def test_a_host_that_is_wrong_has_a_remedy_about_the_host(host: str) -> None:
    with pytest.raises(CouldNotRun) as refusal:
        serve.bind(host, 0)
    assert "--host" in refusal.value.remedy


def test_a_port_that_is_in_use_has_a_remedy_about_the_port() -> None:
    with serve.bind("127.0.0.1", 0) as listener, pytest.raises(CouldNotRun) as refusal:
        serve.bind(*listener.getsockname())
    assert "--port" in refusal.value.remedy
