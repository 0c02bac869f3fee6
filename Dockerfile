# One gim node. Options are arguments, GIM_… variables or a file:
#
#     docker build -t gim .
#     docker run -p 8080:8080 -p 127.0.0.1:8081:8081 --ulimit nofile=65536 gim --http 0.0.0.0:8081
#
# To keep its data (docs/durability.md), give it a volume, -v gim-data:/var/lib/gim, and the option
# --data-dir /var/lib/gim. Without the option nothing is written to the volume.
#
# Without --http 0.0.0.0:8081, or a key for logins, the HTTP API listens on the container's own loopback, which
# no published port reaches.
#
# With -e GIM_GATEWAY_WORKER=auto it uses all cores that the container may use (docs/workers.md).
#
# docker stop sends SIGTERM and waits 10 s, which is enough for the default of --drain.

FROM python:3.11-slim AS build
COPY . /source
RUN python -m venv /opt/gim && /opt/gim/bin/pip install --no-cache-dir /source
# Let Twisted search for plugins here, where it may write its list of them.
RUN /opt/gim/bin/python -c "from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))"

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin gim \
    && install --directory --owner=10001 --mode=0700 /var/lib/gim
COPY --from=build /opt/gim /opt/gim
ENV PATH=/opt/gim/bin:$PATH PYTHONDONTWRITEBYTECODE=1 GIM_LOG_FORMAT=json
USER 10001
WORKDIR /
EXPOSE 8080 8081
# A new volume has the owner and the mode of the directory.
VOLUME ["/var/lib/gim"]
# Says whether the process is alive. /readyz says whether it should get traffic, which depends on Redis, too.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8081/healthz', timeout=3)"]
ENTRYPOINT ["twistd", "--nodaemon", "--pidfile=", "gim"]
