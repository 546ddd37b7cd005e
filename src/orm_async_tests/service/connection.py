"""Closes an HTTP connection if its client stops reading, or if its client sends no request.

If a client does not read its response, uvicorn waits, and asyncio keeps the unsent bytes in memory.
Without a limit, an unread response would last as long as the client keeps its socket open. A
shutdown of the service would wait for an unread response. The server uvicorn also sets no limit for
receiving the head of a request.
"""

import asyncio
import logging

from uvicorn.protocols.http.h11_impl import H11Protocol

SHUTDOWN_TIMEOUT = 1.0  # seconds without progress, once the process is asked to stop
LOGGER = logging.getLogger("uvicorn.error")  # the log of the server, for all levels


class Connection(H11Protocol):
    """A connection of uvicorn that aborts itself when a client stops reading. The connection waits
    send_timeout seconds without progress.

    The connection also aborts itself if the head of a request does not arrive within
    receive_timeout seconds. During a shutdown, SHUTDOWN_TIMEOUT replaces send_timeout for every
    connection. The application's lifespan must yield a state with the two timeouts and with
    `shutdown_callbacks`.
    """

    _send_timer: asyncio.TimerHandle | None = None
    _head_timer: asyncio.TimerHandle | None = None
    _unsent = 0  # bytes, when _send_timer was started
    _stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make the transport report even one unsent byte. By default, a transport reports unsent
        bytes only above 64 KiB.
        """
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        """Start the timer that limits how long a client may take to send the head of a request."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            if self._head_timer is None:
                self._start_head_timer()
        elif self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def pause_writing(self) -> None:
        """Start the timer for sending, because the client reads more slowly than the service
        writes.
        """
        super().pause_writing()
        self._start_send_timer()

    def resume_writing(self) -> None:
        """Stop the timer for sending, because the client has received all bytes."""
        super().resume_writing()
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers of the connection, because the client has disconnected."""
        for timer in (self._send_timer, self._head_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Finish the response. During a shutdown, wait at most SHUTDOWN_TIMEOUT for a client that
        does not read. Without a limit, uvicorn would not end the lifespan, because it waits for the
        last response. Tell the application about the shutdown, so that the application closes its
        live streams.
        """
        for callback in self.app_state["shutdown_callbacks"]:
            callback()
        super().shutdown()
        self._stopping = True
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._start_send_timer()

    def _start_send_timer(self) -> None:
        timeout = SHUTDOWN_TIMEOUT if self._stopping else self.app_state["send_timeout"]
        self._unsent = self.transport.get_write_buffer_size()
        self._send_timer = self.loop.call_later(timeout, self._check_progress)

    def _check_progress(self) -> None:
        if self.transport.get_write_buffer_size() < self._unsent:
            self._start_send_timer()
            return
        LOGGER.info(
            "closed the connection of %s, because the client does not read its response",
            self.client,
        )
        self.transport.abort()

    def _start_head_timer(self) -> None:
        timeout = self.app_state["receive_timeout"]
        self._head_timer = self.loop.call_later(timeout, self.transport.abort)
