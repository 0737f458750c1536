# One image for every app; the command chooses: `docker run ocpp-gateway gateway --mqtt ...`, `worker`, `fleet`, `sim`.

FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /venv
# Dependencies first: they change less often than the code. The lock file pins every version.
COPY pyproject.toml requirements.lock ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > requirements.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    /venv/bin/pip install --disable-pip-version-check --constraint requirements.lock --requirement requirements.txt
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    /venv/bin/pip install --disable-pip-version-check --no-deps . \
 && /venv/bin/python -m compileall -q /venv/lib

FROM python:3.13-slim
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    # In a container nobody reaches the loopback. The admin port stays there: see OCPPGW_ADMIN_HOST.
    OCPPGW_HOST=0.0.0.0
USER 10001:10001
EXPOSE 9000
# The gateway says how it is; other apps are well as long as they run.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import os, urllib.request as u; b'\\0gateway\\0' in open('/proc/1/cmdline', 'rb').read() and u.urlopen('http://127.0.0.1:' + os.environ.get('OCPPGW_ADMIN_PORT', '9090') + '/healthz', timeout=2)"]
ENTRYPOINT ["ocppgw"]
