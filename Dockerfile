# One image for every command: `portbook serve`, `work`, `migrate`. Build stage apart, so that no build tool is shipped.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/build.txt requirements/run.txt requirements/
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements/build.txt \
 && python -m venv /opt/portbook \
 && /opt/portbook/bin/pip install --require-hashes --only-binary :all: -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY portbook portbook
COPY gateway gateway
COPY adapters adapters
COPY mapping mapping
COPY register register
COPY workers workers
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/portbook/bin/pip install --no-deps --no-index /wheels/*.whl

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Portbook" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/portbook portbook
COPY --from=build /opt/portbook /opt/portbook
ENV PATH=/opt/portbook/bin:$PATH PYTHONUNBUFFERED=1 PORTBOOK_CONFIG=/config/portbook.yaml
USER portbook
WORKDIR /config
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
# Exec form: the command itself gets the stop signal and hands back what it has begun.
ENTRYPOINT ["portbook"]
CMD ["serve"]
