"""Closes an HTTP connection if its client stops reading or sends no request.

By default, uvicorn waits forever, even during a shutdown, for a client that does not read its
response. The unsent bytes of the response stay in memory. By default, uvicorn also waits forever
for the headers of a request.
"""

import asyncio
import logging

from uvicorn.protocols.http.h11_impl import H11Protocol

SHUTDOWN_TIMEOUT = 1.0  # seconds without progress, once the process is asked to stop
LOGGER = logging.getLogger("uvicorn.error")  # the log of the server, for all levels


class Connection(H11Protocol):
    """A connection that closes itself if its client is too slow.

    The client has `receive_timeout` seconds to send the headers of a request. The client must read
    a part of the response every `send_timeout` seconds. During a shutdown, SHUTDOWN_TIMEOUT
    replaces `send_timeout`. The application's lifespan must yield `receive_timeout`, `send_timeout`
    and `shutdown_callbacks`.
    """

    _unsent = 0  # unsent bytes at the start of the timer
    _stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._timers: dict[str, asyncio.TimerHandle] = {}
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # report even one unsent byte
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._cancel("head")
        elif "head" not in self._timers:
            self._start_head_timer()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_send_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._cancel("send")

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel("send")
        self._cancel("head")
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close the live streams, because the lifespan ends only after the last response.

        Wait at most SHUTDOWN_TIMEOUT seconds for a client that does not read.
        """
        for callback in self.app_state["shutdown_callbacks"]:
            callback()
        super().shutdown()
        self._stopping = True
        if self._cancel("send"):
            self._start_send_timer()

    def _start_head_timer(self) -> None:
        timeout = self.app_state["receive_timeout"]
        self._timers["head"] = self.loop.call_later(timeout, self.transport.abort)

    def _start_send_timer(self) -> None:
        timeout = SHUTDOWN_TIMEOUT if self._stopping else self.app_state["send_timeout"]
        self._unsent = self.transport.get_write_buffer_size()
        self._timers["send"] = self.loop.call_later(timeout, self._check_progress)

    def _cancel(self, name: str) -> bool:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def _check_progress(self) -> None:
        if self.transport.get_write_buffer_size() < self._unsent:
            self._start_send_timer()
            return
        LOGGER.info("closed a connection, because the client %s stopped reading", self.client)
        self.transport.abort()
