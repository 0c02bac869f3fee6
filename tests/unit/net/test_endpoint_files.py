"""The files of endpoint strings."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gim.net.endpoint_files import map_files


class EndpointFilesTests(SynchronousTestCase):
    def mapped(self, endpoint: str) -> tuple[str, list[str]]:
        """Return the endpoint with other paths, and the paths that it had."""
        paths: list[str] = []

        def path_of(path: str) -> str:
            paths.append(path)
            return f"/new/{len(paths)}"

        return map_files(endpoint, path_of), paths

    def test_an_endpoint_without_files_stays_as_it_is(self) -> None:
        for endpoint in (
            *("tcp:8080", r"tcp:8080:interface=\:\:1", "unix:/run/gim.sock", "haproxy:tcp:80"),
            *("systemd:domain=INET:index=0", "tls:/etc/certs:443", "other:privateKey=key.pem"),
        ):
            self.assertEqual(self.mapped(endpoint), (endpoint, []))

    def test_files_by_name(self) -> None:
        self.assertEqual(
            self.mapped("ssl:443:privateKey=key.pem:certKey=cert.pem:interface=127.0.0.1"),
            ("ssl:443:privateKey=/new/1:certKey=/new/2:interface=127.0.0.1", ["key.pem", "cert.pem"]),
        )
        self.assertEqual(
            self.mapped("ssl:port=443:dhParameters=dh.pem:extraCertChain=chain.pem:privateKey=key.pem"),
            (
                "ssl:443:dhParameters=/new/3:extraCertChain=/new/2:privateKey=/new/1",
                ["key.pem", "chain.pem", "dh.pem"],
            ),
        )

    def test_files_by_position(self) -> None:
        self.assertEqual(
            self.mapped("ssl:443:key.pem:cert.pem:backlog=7"),
            ("ssl:443:privateKey=/new/1:certKey=/new/2:backlog=7", ["key.pem", "cert.pem"]),
        )

    def test_the_default_of_twisted_is_a_file_too(self) -> None:
        self.assertEqual(self.mapped("ssl:443"), ("ssl:443:privateKey=/new/1", ["server.pem"]))

    def test_behind_a_proxy(self) -> None:
        self.assertEqual(
            self.mapped("haproxy:ssl:443:privateKey=key.pem"),
            ("haproxy:ssl:443:privateKey=/new/1", ["key.pem"]),
        )

    def test_escaped_characters_stay_what_they_are(self) -> None:
        self.assertEqual(
            self.mapped(r"ssl:443:privateKey=a\:b\\c\=d=e.pem:interface=\:\:1"),
            (r"ssl:443:privateKey=/new/1:interface=\:\:1", [r"a:b\c=d=e.pem"]),
        )
        same = r"ssl:443:privateKey=a\:b\\c=d.pem"
        self.assertEqual(map_files(same, lambda path: path), same)
