"""The configurations of docs/behind-a-proxy.md at work. A machine without a proxy skips its tests.

Each proxy runs as one process, so that none of its workers outlives a test.
"""

from __future__ import annotations

from shutil import which

from tests.support import proxies


def missing(program: str) -> str | None:
    """Return why the tests of *program* cannot run, None if they can."""
    return None if which(program) else f"{program} is missing: apt-get install {program}"


class NginxTests(proxies.TimedProxyCase):
    language = "nginx"
    skip = missing("nginx")

    def command(self, text: str) -> tuple[str, ...]:
        """Put the block where ``nginx.conf`` includes it."""
        text = text.replace("listen 443", f"listen 127.0.0.1:{self.port}")
        kinds = "client_body", "proxy", "fastcgi", "uwsgi", "scgi"
        paths = "".join(f"{kind}_temp_path {self.files.path}/{kind};\n" for kind in kinds)
        whole = (
            f"daemon off;\nmaster_process off;\npid {self.files.path}/pid;\nerror_log stderr;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{paths}{text}}}\n"
        )
        return ("nginx", "-p", self.files.path, "-c", self.write("nginx.conf", whole), "-e", "stderr")


class HaproxyTests(proxies.TimedProxyCase):
    language = "haproxy"
    skip = missing("haproxy")

    def command(self, text: str) -> tuple[str, ...]:
        """Listen on the port of the test, in the foreground."""
        text = text.replace("bind :443", f"bind 127.0.0.1:{self.port}")
        return ("haproxy", "-db", "-f", self.write("haproxy.cfg", text))


class ProxyProtocolTests(HaproxyTests):
    options = ("--ws", "haproxy:tcp:0:interface=127.0.0.1")

    def command(self, text: str) -> tuple[str, ...]:
        """Put the line of the PROXY protocol in place of the first server, the gateway's."""
        if self.has_one_port:
            return super().command(text)
        plain = f"    server gim1 127.0.0.1:{self.ws} check port {self.http}\n"
        self.assertIn(plain, text)
        return super().command(text.replace(plain, self.fit(proxies.block("haproxy-proxy-protocol"))))


class ProxyProtocolChecksTests(proxies.ProxyCase):
    """Health checks begin with a PROXY header, too: version 1 sends ``PROXY UNKNOWN`` for them."""

    language = "haproxy"
    skip = missing("haproxy")
    options = ("--http", "haproxy:tcp:0:interface=127.0.0.1")

    def command(self, text: str) -> tuple[str, ...]:
        """Let everything that goes to the HTTP API begin with a header."""
        text = text.replace("bind :443", f"bind 127.0.0.1:{self.port}")
        text = text.replace(f"check port {self.http}", f"check port {self.http} check-send-proxy")
        server = f"server gim1 127.0.0.1:{self.http} check"
        self.assertIn(server, text)
        text = text.replace(server, f"{server} check-send-proxy send-proxy")
        return ("haproxy", "-db", "-f", self.write("haproxy.cfg", text))


class CaddyTests(proxies.ProxyCase):
    language = "caddy"
    skip = missing("caddy")

    def command(self, text: str) -> tuple[str, ...]:
        """Have the certificate of the test, no other port, and no files elsewhere."""
        certificate = f"tls {self.files.path}/cert.pem {self.files.path}/key.pem"
        text = text.replace(f"{proxies.NAME} {{", f"{proxies.NAME}:{self.port} {{\n{certificate}")
        whole = "{\n    admin off\n    auto_https disable_redirects\n}\n" + text
        home = (
            f"HOME={self.files.path}",
            f"XDG_DATA_HOME={self.files.path}",
            f"XDG_CONFIG_HOME={self.files.path}",
        )
        run = "caddy", "run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", whole)
        return ("env", *home, *run)


class ApacheTests(proxies.TimedProxyCase):
    language = "apache"
    skip = missing("apache2")
    MODULES = ("mpm_event", "authz_core", "alias", "ssl", "socache_shmcb", "proxy", "proxy_http")

    def command(self, text: str) -> tuple[str, ...]:
        """Put the block where ``apache2.conf`` includes it.

        The longer one of ``Timeout`` and the ``timeout`` of ProxyPass holds: the block decides if it has
        one.
        """
        limit = f"Timeout {proxies.SHORT_TIMEOUT}\n" if " timeout=" in text else ""
        text = text.replace("*:443", f"127.0.0.1:{self.port}")
        loads = "".join(
            f"LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n"
            for module in self.MODULES
        )
        user = "User nobody\nGroup nogroup\n" if proxies.AS_ROOT else ""
        whole = (
            f"ServerName localhost\nServerRoot {self.files.path}\nDefaultRuntimeDir {self.files.path}\n"
            f"PidFile pid\nErrorLog /dev/stderr\nListen 127.0.0.1:{self.port}\n"
            f"{limit}{loads}{user}{text}"
        )
        return ("apache2", "-X", "-f", self.write("apache2.conf", whole))
