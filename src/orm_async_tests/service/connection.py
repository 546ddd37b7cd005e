"""Closes an HTTP connection if its client stops reading, or if its client sends no request.

If a client does not read a response, uvicorn waits and asyncio keeps the unsent bytes in memory.
Without a limit, a response to a client that does not read would last as long as the client keeps
its socket open, and a shutdown would wait for this response. uvicorn also waits without a limit for
the head of a request.
"""

import asyncio
import logging

from uvicorn.protocols.http.h11_impl import H11Protocol

SHUTDOWN_TIMEOUT = 1.0  # seconds without progress, once the process is asked to stop
LOGGER = logging.getLogger("uvicorn.error")  # the log of the server, for all levels


class Connection(H11Protocol):
    """A connection of uvicorn that is aborted if a response makes no progress for send_timeout
    seconds.

    A connection is also aborted if the head of a request has not arrived after receive_timeout
    seconds. During a shutdown, SHUTDOWN_TIMEOUT replaces send_timeout for every connection. The
    lifespan of the application must yield a state that has both timeouts and `shutdown_callbacks`.
    """

    _send_timer: asyncio.TimerHandle | None = None
    _head_timer: asyncio.TimerHandle | None = None
    _unsent = 0  # bytes, when _send_timer was started
    _stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Tell the transport to report any unsent byte, and not only more than 64 KiB."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        """Start the timer that limits how long the head of a request may take."""
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
        does not read. uvicorn ends the lifespan only after the last response. Tell the application
        about the shutdown, so that it can close its live streams.
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
