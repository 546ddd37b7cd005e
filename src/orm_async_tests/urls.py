"""Checks database URLs, and translates them for asyncpg and psycopg.

The two drivers use different names for connection parameters. `parse_url()` returns a URL in the
portable form, with libpq's names, for example `?sslmode=require`. `with_driver()` returns a URL in
the form that SQLAlchemy needs for one driver.
"""

import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import URL, Engine, event, make_url
from sqlalchemy.exc import ArgumentError

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.stack_options import DRIVERS

EXAMPLE = "postgresql+asyncpg://user:password@host:5432/database"
CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
SEVERAL_HOSTS = "postgresql://user:password@/database?host=one:5432&host=two:5432"
PORTS = range(1, 65536)
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
DEFAULT_PORT = 5432


class Parameter(NamedTuple):
    """The valid values of a URL parameter, and the drivers that accept it."""

    expected: str = "a text that is not empty"
    pattern: str = "(?s).+"
    drivers: tuple[str, ...] = DRIVERS


def _one_of(*words: str) -> Parameter:
    return Parameter(" or ".join(words), "|".join(map(re.escape, words)))


TEXT, LIBPQ_ONLY, ASYNCPG = Parameter(), Parameter(drivers=("psycopg",)), ("asyncpg",)
TLS_VERSION = _one_of("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
PARAMETERS = {
    "sslmode": _one_of(*SSL_MODES),
    "sslnegotiation": _one_of("postgres", "direct"),
    "ssl_min_protocol_version": TLS_VERSION,
    "ssl_max_protocol_version": TLS_VERSION,
    **dict.fromkeys(("sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword"), TEXT),
    **dict.fromkeys(("application_name", "options", "passfile", "krbsrvname"), TEXT),
    "gsslib": _one_of("gssapi", "sspi"),
    "target_session_attrs": _one_of(
        "any", "primary", "standby", "read-write", "read-only", "prefer-standby"
    ),
    "connect_timeout": Parameter("a whole number of seconds, at least 1", "0*[1-9][0-9]{0,8}"),
    "command_timeout": Parameter("seconds above 0", r"(?=.*[1-9])[0-9]*\.?[0-9]+", ASYNCPG),
    "prepared_statement_cache_size": Parameter("a whole number", "[0-9]{1,9}", ASYNCPG),
    **dict.fromkeys(("channel_binding", "require_auth", "requirepeer", "gssencmode"), LIBPQ_ONLY),
    **dict.fromkeys(("keepalives", "keepalives_idle", "keepalives_interval"), LIBPQ_ONLY),
    **dict.fromkeys(("keepalives_count", "tcp_user_timeout", "load_balance_hosts"), LIBPQ_ONLY),
    **dict.fromkeys(("sslcertmode", "sslsni", "sslcompression", "sslcrldir"), LIBPQ_ONLY),
    "fallback_application_name": LIBPQ_ONLY,
}
ALIASES = {"ssl": "sslmode", "timeout": "connect_timeout"}  # asyncpg's names
FIELDS = {"user": "username", "password": "password", "dbname": "database", "database": "database"}
BY_KEYWORD = {  # parameters that asyncpg or SQLAlchemy do not take from a DSN
    "host": "host",
    "sslmode": "ssl",
    "connect_timeout": "timeout",
    "command_timeout": "command_timeout",
    "prepared_statement_cache_size": "prepared_statement_cache_size",
}


def parse_url(text: str, source: str) -> URL:
    """Parse a database URL into the portable form. The default driver is asyncpg.

    The parameter `source` names the origin of the URL, for example "--db". Raise CouldNotRun if the
    URL is not valid.
    """
    try:
        if CONTROL.search(urllib.parse.unquote(text, errors="strict").encode()):
            raise ValueError("a URL must not contain control characters")
        if "," in urllib.parse.urlsplit(text).netloc.rpartition("@")[2]:
            raise _refusal("the URL may name only one host before the `?`", source, SEVERAL_HOSTS)
        try:
            url = make_url(text)
        except ValueError:
            raise _refusal("the port in the URL is not a whole number", source) from None
    except (ArgumentError, ValueError):
        raise CouldNotRun(
            "the database must be a URL, or the word `embedded` or `compose`",
            source,
            f"{source}=postgresql://user:password@host:5432/database, or embedded, or compose",
        ) from None
    if "@" in (url.host or ""):
        problem = "the user or the password contains an @"
        raise _refusal(problem, source, "write %40 instead of each @ before the last one")
    backend, _, driver = url.drivername.partition("+")
    if backend not in ("postgres", "postgresql") or (driver and driver not in DRIVERS):
        problem = f"{url.drivername} is not PostgreSQL through an asyncio driver"
        raise _refusal(f"{problem} ({', '.join(DRIVERS)})", source)
    return portable(url.set(drivername=f"postgresql+{driver or DRIVERS[0]}"), source)


def with_driver(url: URL, driver: str, source: str = "") -> URL:
    """Return a URL in SQLAlchemy's form for one driver.

    Raise CouldNotRun if the driver does not accept a parameter of the URL.
    """
    url = portable(url, source).set(drivername=f"postgresql+{driver}")
    for name in url.query.keys() & PARAMETERS.keys():
        if driver not in PARAMETERS[name].drivers:
            other = " or ".join(PARAMETERS[name].drivers)
            raise CouldNotRun(
                f"{driver} has no connection parameter {name}",
                _place(source),
                f"remove {name} from the URL, or add --driver {other}",
            )
    return url.set(query=_asyncpg_query(url.query)) if driver == "asyncpg" else url


def libpq_parameters(url: URL) -> dict[str, str]:
    """Return libpq's parameters for a URL, without the password."""
    url = portable(url)
    hosts = url.query.get("host", url.host or "")
    if isinstance(hosts, tuple):
        names, ports = zip(*map(_split_port, hosts), strict=True)
        where = {"host": ",".join(names), "port": ",".join(ports)}
    else:
        where = {"host": hosts, "port": str(url.port or "")}
    whom = {"user": url.username or "", "dbname": url.database or "", **where}
    query = {
        name: str(value)
        for name, value in url.query.items()
        if name in PARAMETERS and "psycopg" in PARAMETERS[name].drivers
    }
    return {name: value for name, value in {**whom, **query}.items() if value}


def hide_secrets(url: URL) -> str:
    shown = portable(url)
    if "sslpassword" in shown.query:
        shown = shown.update_query_dict({"sslpassword": "hidden"})
    return shown.render_as_string(hide_password=True)


def check_port(text: str, source: str) -> int:
    if not (re.fullmatch("[0-9]{1,9}", text) and int(text) in PORTS):
        problem = f"{text!r} is not a port (1 to {PORTS[-1]})"
        raise CouldNotRun(
            problem, source, f"use a port from 1 to {PORTS[-1]}, for example {DEFAULT_PORT}"
        )
    return int(text)


def _asyncpg_query(query: Mapping[str, Any]) -> dict[str, Any]:
    """Translate URL parameters into arguments of `asyncpg.connect()`."""
    arguments = {BY_KEYWORD[name]: query[name] for name in query if name in BY_KEYWORD}
    if "timeout" in arguments:
        convert_timeouts()
    # asyncpg has no arguments for the other parameters, but accepts them in a DSN.
    if others := {name: query[name] for name in query if name not in BY_KEYWORD}:
        arguments["dsn"] = f"postgresql://?{urllib.parse.urlencode(others)}"
    return arguments


def convert_timeouts() -> None:
    """Make engines convert asyncpg's timeout from text to a number (test118)."""
    if not event.contains(Engine, "do_connect", _convert_timeout):
        event.listen(Engine, "do_connect", _convert_timeout)


def _convert_timeout(
    _dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]
) -> None:
    if isinstance(parameters.get("timeout"), str):
        parameters["timeout"] = float(parameters["timeout"])


def portable(url: URL, source: str = "") -> URL:
    """Return the portable form of a URL, or raise CouldNotRun if the URL is not valid."""
    query: dict[str, str] = {}
    hosts: list[str] = []
    ports: list[str] = [] if url.port is None else [str(url.port)]
    for name, value in _parameters(url, source):
        if name == "host":
            hosts += value.split(",")
        elif name == "port":
            ports += value.split(",")
        elif name in FIELDS:
            if getattr(url, FIELDS[name]) is not None:
                raise _refusal(f"the URL names its {name} twice", source)
            field: dict[str, Any] = {FIELDS[name]: value}
            url = url.set(**field)
        elif name in query:
            raise _refusal(f"the URL has the parameter {name} twice", source)
        elif name not in PARAMETERS:
            raise _refusal(f"there is no connection parameter {name!r}", source)
        elif not re.fullmatch(PARAMETERS[name].pattern, value):
            shown = "its value" if "password" in name else repr(value)
            problem = f"{shown} is not valid for {name}: expected {PARAMETERS[name].expected}"
            raise _refusal(problem, source)
        else:
            query[name] = value
    return _with_hosts(url.set(query=query), hosts, ports, source)


def _parameters(url: URL, source: str) -> Iterator[tuple[str, str]]:
    for name, values in url.query.items():
        for value in [values] if isinstance(values, str) else values:
            if name != "dsn":
                yield ALIASES.get(name, name), value
                continue
            start, _, query = value.partition("?")
            if start != "postgresql://":
                raise _refusal("the URL's parameter `dsn` names a second database", source)
            yield from urllib.parse.parse_qsl(query)


def _with_hosts(url: URL, hosts: list[str], ports: list[str], source: str) -> URL:
    """Put the hosts into the part of the URL that both drivers read."""
    if url.host and hosts:
        raise _refusal("the URL names its host twice", source)
    if len(hosts) > 1:
        query = {**url.query, "host": _pair_hosts(hosts, ports, source)}
        names = url.drivername, url.username, url.password
        return URL.create(*names, database=url.database, query=query)
    numbers = [check_port(port, _place(source)) for port in ports if port]
    if len(numbers) > 1:
        raise _refusal("the URL names its port twice", source)
    host, inside_port = _split_port(hosts[0]) if hosts else ("", "")
    if inside_port:
        numbers = [check_port(inside_port, _place(source))]
    url = url.set(port=numbers[0]) if numbers else url
    if host.startswith("/"):  # the directory of a Unix socket
        return url.set(query={**url.query, "host": host})
    return url.set(host=host) if host else url


def _pair_hosts(hosts: list[str], ports: list[str], source: str) -> tuple[str, ...]:
    """Return every host with its port, for example ("one:5432", "two:5432")."""
    inside = [_split_port(host) for host in hosts]
    if ports and any(port for _, port in inside):
        raise _refusal("the URL names its port twice", source)
    if len(ports) < 2:  # one port for all hosts, or a port in each host
        ports = ports * len(hosts) or [port for _, port in inside]
    if len(ports) != len(hosts) or not all(name for name, _ in inside):
        raise _refusal("the number of hosts in the URL differs from the number of ports", source)
    numbers = [check_port(port or str(DEFAULT_PORT), _place(source)) for port in ports]
    return tuple(f"{name}:{number}" for (name, _), number in zip(inside, numbers, strict=True))


def _split_port(host: str) -> tuple[str, str]:
    """Return a host and its port. A missing port is ""."""
    name, colon, port = host.rpartition(":")
    # A host with several colons is an IPv6 address.
    has_port = bool(colon) and ":" not in name and "/" not in port
    return (name, port) if has_port else (host, "")


def _refusal(problem: str, source: str, remedy: str = EXAMPLE) -> CouldNotRun:
    return CouldNotRun(problem, _place(source), remedy)


def _place(source: str) -> str:
    return f"the URL from {source}" if source else "the URL"
