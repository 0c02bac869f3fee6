"""compose.yaml and compose.alone.yaml, as far as they can be checked without Docker."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import yaml
from jsonschema.validators import validator_for

from gim.daemon.drain import CLOSING_TIME, DROPPING_TIME
from gim.webhooks.service import STOP_TIMEOUT
from tests.support.command import CommandTestCase
from tests.support.paths import ROOT

SECRET = "0123456789abcdef" * 8  # as `openssl rand -hex 64` writes one
DRAIN = 5.0  # seconds, the default of --drain


def text_of(*path: str) -> str:
    return ROOT.descendant(path).getContent().decode()


def read(*path: str) -> Any:
    return yaml.safe_load(text_of(*path))


class ComposeTestCase(CommandTestCase):
    compose_file = "compose.yaml"

    def setUp(self) -> None:
        super().setUp()
        self.compose = read(self.compose_file)
        self.services: dict[str, Any] = self.compose["services"]

    def mounts(self, service: str) -> dict[str, str]:
        """Return what is mounted into a service, by the path that it has there."""
        volumes = [volume.split(":") for volume in self.services[service].get("volumes", [])]
        return {target: source for source, target, *_ in volumes}


class FormTests(ComposeTestCase):
    port_count = 4

    def test_it_is_what_the_specification_allows(self) -> None:
        path = files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json")
        schema = json.loads(path.read_text())
        faults = validator_for(schema)(schema).iter_errors(self.compose)
        self.assertEqual([f"{list(fault.path)}: {fault.message}" for fault in faults], [])

    def test_each_image_is_of_one_major_version(self) -> None:
        for name, service in self.services.items():
            if "build" not in service:
                self.assertRegex(service["image"], r"^[\w/]+:v?\d", name)

    def test_what_is_mounted_is_there(self) -> None:
        for name in self.services:
            for source in self.mounts(name).values():
                if source.startswith("./"):
                    self.assertTrue(ROOT.descendant(source[2:].split("/")).exists(), source)
                else:
                    self.assertIn(source, self.compose["volumes"])

    def test_only_this_machine_reaches_the_ports(self) -> None:
        ports = [port for service in self.services.values() for port in service.get("ports", [])]
        self.assertEqual(len(ports), self.port_count)
        for port in ports:
            self.assertRegex(port, r"^127\.0\.0\.1:(\d+):\1$")
        self.assertNotIn("ports", self.services.get("redis", {}))

    def test_no_service_gets_more_rights_than_it_has(self) -> None:
        for name, service in self.services.items():
            self.assertEqual(service["security_opt"], ["no-new-privileges:true"], name)
            self.assertNotIn("privileged", service)
        self.assertEqual(
            (self.services["gim"]["read_only"], self.services["gim"]["cap_drop"]), (True, ["ALL"])
        )

    def test_a_service_that_is_waited_for_can_say_that_it_is_healthy(self) -> None:
        self.assertIn("\nHEALTHCHECK ", text_of("Dockerfile"))
        for name, service in self.services.items():
            self.assertTrue({"healthcheck", "build"} & set(service), name)
            for other, wait in service.get("depends_on", {}).items():
                self.assertIn(wait["condition"], ("service_healthy", "service_started"))
                self.assertIn(other, self.services)


class FormTestsAlone(FormTests):
    compose_file = "compose.alone.yaml"
    port_count = 2


class SecretTests(ComposeTestCase):
    def test_secrets_are_not_in_the_file_and_it_says_how_to_make_them(self) -> None:
        made = set(re.findall(r"([A-Z_]+)=%s", text_of(self.compose_file)))
        asked: set[str] = set()
        for service in self.services.values():
            for name, value in service.get("environment", {}).items():
                if re.search("KEY|PASSWORD|SECRET", name):
                    (variable,) = re.findall(r"^\$\{([A-Z_]+):\?[\w ,.]+\}$", value)
                    asked.add(variable)
                else:
                    self.assertNotIn("$", value)
        self.assertEqual(asked, made)

    def test_the_document_says_the_same(self) -> None:
        commands = re.findall(r"(?m)^#     (.+)$", text_of(self.compose_file))
        self.assertEqual(len(commands), 2)
        self.assertIn("\n".join(["```", *commands, "```"]), text_of("docs", "deployment.md"))

    def test_git_and_the_image_leave_them_out(self) -> None:
        self.assertIn(".env", text_of(".gitignore").splitlines())
        self.assertEqual(text_of(".dockerignore").splitlines()[0], "*")


class SecretTestsAlone(SecretTests):
    compose_file = "compose.alone.yaml"


class GimTests(ComposeTestCase):
    def test_gim_takes_its_options(self) -> None:
        gim = self.services["gim"]
        self.environment = {"HOME": self.home} | dict.fromkeys(gim["environment"], SECRET)
        self.said("check", *gim["command"])

    def test_it_has_the_time_to_stop(self) -> None:
        (seconds,) = re.findall(r"^(\d+)s$", self.services["gim"]["stop_grace_period"])
        self.assertGreater(int(seconds), DRAIN + CLOSING_TIME + DROPPING_TIME + STOP_TIMEOUT)

    def test_its_redis_keeps_the_data(self) -> None:
        words = self.services["gim"]["command"]
        self.assertIn(urlsplit(words[words.index("--redis-url") + 1]).hostname, self.services)
        redis = " ".join(self.services["redis"]["command"])
        self.assertIn("--appendonly yes --maxmemory-policy noeviction", redis)
        self.assertEqual(self.mounts("redis"), {"/data": "redis-data"})


class GimTestsAlone(ComposeTestCase):
    compose_file = "compose.alone.yaml"

    def test_gim_takes_its_options_and_keeps_its_data_in_the_volume_of_the_image(self) -> None:
        (service,) = self.services.values()
        option, directory = service["command"]
        self.assertEqual((option, self.mounts("gim")), ("--data-dir", {directory: "gim-data"}))
        self.assertIn(f'\nVOLUME ["{directory}"]\n', text_of("Dockerfile"))
        self.environment = {"HOME": self.home} | dict.fromkeys(service["environment"], SECRET)
        self.said("check", option, self.home)

    def test_it_has_the_time_to_stop(self) -> None:
        (seconds,) = re.findall(r"^(\d+)s$", self.services["gim"]["stop_grace_period"])
        self.assertGreater(int(seconds), DRAIN + CLOSING_TIME + DROPPING_TIME + STOP_TIMEOUT)


class ObservationTests(ComposeTestCase):
    def test_prometheus_finds_its_files_and_gim(self) -> None:
        mounts = self.mounts("prometheus")
        (config,) = re.findall(r"--config\.file=(\S+)", " ".join(self.services["prometheus"]["command"]))
        self.assertEqual(mounts[config], "./contrib/prometheus/prometheus.yml")
        example = read("contrib", "prometheus", "prometheus.yml")
        for name in example["rule_files"]:
            self.assertEqual(
                mounts[f"{config.rpartition('/')[0]}/{name}"], f"./contrib/prometheus/{name}"
            )
        (scrape,) = example["scrape_configs"]
        self.assertEqual(scrape["static_configs"], [{"targets": ["gim:8081"]}])
        self.assertIn("127.0.0.1:8081:8081", self.services["gim"]["ports"])

    def test_grafana_finds_prometheus_and_the_dashboard(self) -> None:
        mounts = self.mounts("grafana")
        self.assertEqual(mounts["/etc/grafana/provisioning"], "./contrib/grafana/provisioning")
        (source,) = read("contrib", "grafana", "provisioning", "datasources", "prometheus.yml")[
            "datasources"
        ]
        self.assertEqual((source["type"], source["isDefault"]), ("prometheus", True))
        address = urlsplit(source["url"])
        self.assertIn(
            f"127.0.0.1:{address.port}:{address.port}", self.services[address.hostname or ""]["ports"]
        )
        (provider,) = read("contrib", "grafana", "provisioning", "dashboards", "gim.yml")["providers"]
        path = f"{provider['options']['path']}/gim.json"
        self.assertEqual(mounts[path], "./contrib/grafana/gim.json")
        environment = self.services["grafana"]["environment"]
        self.assertEqual(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"], path)
