"""Ends the live streams when uvicorn stops."""

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """An HTTP connection that tells the application when the server shuts down.

    uvicorn ends the application's lifespan only after all responses. Without this class, a live
    stream would delay the shutdown.
    """

    def shutdown(self) -> None:
        self.app_state["hub"].close()
        super().shutdown()
