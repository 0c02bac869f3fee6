"""The OpenAPI document beside what the site serves, and the page that shows it."""

from __future__ import annotations

import json
import os
import re
from typing import Any, ClassVar

from klein import Klein
from openapi_spec_validator import OpenAPIV31SpecValidator
from twisted.trial.unittest import SynchronousTestCase

from gim import errors
from gim.api.openapi import document
from gim.api.openapi.describe import describe
from gim.api.server.app import App
from tests.unit.api.test_http import ApiTestCase

KEY = "a-key-for-these-tests"
METHODS = {"GET", "POST", "PUT", "DELETE", "PATCH"}


class DocumentTestCase(ApiTestCase):
    bodies: ClassVar[dict[type, bytes]] = {}  # of each class, as it takes long to make

    def setUp(self) -> None:
        super().setUp()
        if type(self) not in self.bodies:
            response = self.request("GET", "/openapi.json")
            self.assertEqual(response.headers["content-type"], "application/json")
            self.bodies[type(self)] = response.body
        self.document: dict[str, Any] = json.loads(self.bodies[type(self)])

    def operations(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {
            (method.upper(), path): operation
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        }


class DocumentTests(DocumentTestCase):
    options = ("--profiling", "--trace", "X-Trace")

    def setUp(self) -> None:
        self.patch(os, "environ", os.environ | {"GIM_ADMIN_KEY": KEY})
        super().setUp()

    def test_it_is_valid(self) -> None:
        self.assertEqual(self.document["openapi"], "3.1.0")
        self.assertEqual([str(each) for each in OpenAPIV31SpecValidator(self.document).iter_errors()], [])

    def test_it_has_what_the_site_serves_and_nothing_else(self) -> None:
        served = set()
        for rule in self.api.resource.routes.url_map.iter_rules():
            path = re.sub(r"<(?:file:)?(.*?)>", r"{\1}", rule.rule)
            served |= {(method, path) for method in rule.methods & METHODS}
        self.assertEqual(set(self.operations()), served)
        self.assertGreater(len(served), 33)

    def test_every_operation_is_served_and_every_other_method_is_a_405(self) -> None:
        for path, methods in self.document["paths"].items():
            real = re.sub("{.*?}", "x", path)
            for method in METHODS:
                if method.lower() not in methods:
                    refused = self.request(method, real, X_API_Key=KEY).envelope
                    self.assertEqual(refused["code"], 405, (method, real))

    def test_what_needs_a_token_says_so(self) -> None:
        for (method, path), operation in self.operations().items():
            if "profile" in path or path.endswith("/login"):  # takes its time; depends on the keys
                continue
            refused = self.request(method, re.sub("{.*?}", "x", path)).status == 401
            self.assertEqual(operation["security"] != [], refused, (method, path))
            self.assertEqual("401" in operation["responses"], refused, (method, path))

    def test_each_path_asks_for_what_opens_it(self) -> None:
        for (method, path), operation in self.operations().items():
            schemes = [name for way in operation["security"] for name in way]
            if path.startswith("/v1/admin/") or path == "/console/token":
                self.assertEqual(schemes, ["key"], (method, path))
                wrong = operation["responses"]["401"]["$ref"]
                self.assertTrue(wrong.endswith("/InvalidAdminKey"), wrong)
            else:
                self.assertNotIn("key", schemes, (method, path))
        key = self.document["components"]["securitySchemes"]["key"]
        self.assertEqual(key, {"type": "apiKey", "in": "header", "name": "X-API-Key"})

    def test_every_group_is_described(self) -> None:
        used = {tag for operation in self.operations().values() for tag in operation["tags"]}
        described = {tag["name"]: tag["description"] for tag in self.document["tags"]}
        self.assertEqual(set(described), used)
        self.assertTrue(all(described.values()))

    def test_an_error_is_a_plain_reference(self) -> None:
        for name, response in self.document["components"]["responses"].items():
            self.assertEqual(list(response["content"]["application/json"]["schema"]), ["$ref"], name)

    def test_integers_that_may_need_64_bits_say_so(self) -> None:
        schemas = self.document["components"]["schemas"]
        for name, field in ("Sent", "created_at"), ("Until", "until"), ("Message", "sequence"):
            self.assertEqual(schemas[name]["properties"][field]["format"], "int64")
        parameters = self.operations()["GET", "/v1/sessions"]["parameters"]
        self.assertNotIn(
            "format", next(each for each in parameters if each.get("name") == "count")["schema"]
        )

    def test_the_values_of_an_enum_have_a_type(self) -> None:
        schemas = self.document["components"]["schemas"]
        types = [schemas["Success_Sent_"]["properties"][name]["type"] for name in ("code", "msg")]
        self.assertEqual(types, ["integer", "string"])
        self.assertNotRegex(json.dumps(self.document), r'\{"enum"')

    def test_no_two_operations_have_one_name(self) -> None:
        names = [operation["operationId"] for operation in self.operations().values()]
        self.assertEqual(sorted(names), sorted(set(names)))

    def test_every_error_has_its_code_and_header(self) -> None:
        named = vars(errors).values()
        known = [each for each in named if isinstance(each, type) and issubclass(each, errors.GimError)]
        codes = {error.__name__: error.code for error in known}
        responses = self.document["components"]["responses"]
        for operation in self.operations().values():
            for status, response in operation["responses"].items():
                if "$ref" in response:
                    name = response["$ref"].rpartition("/")[2]
                    self.assertEqual(str(codes[name]), status)
        self.assertIn("Retry-After", responses["Unavailable"]["headers"])
        self.assertIn("WWW-Authenticate", responses["Unauthorized"]["headers"])
        self.assertIn("WWW-Authenticate", responses["InvalidAdminKey"]["headers"])
        for response in responses.values():
            self.assertIn("X-Trace", response["headers"])

    def test_the_trace_header_has_the_name_that_was_chosen(self) -> None:
        self.assertEqual(self.document["components"]["parameters"]["trace"]["name"], "X-Trace")

    def test_what_the_path_fills_is_not_asked_for_again(self) -> None:
        body = self.operations()["POST", "/v1/sessions/{session_id}/read"]["requestBody"]
        self.assertEqual(
            list(body["content"]["application/json"]["schema"]["properties"]), ["message_id"]
        )
        names = [
            each.get("name")
            for each in self.operations()["GET", "/v1/chatrooms/{chatroom_id}/members"]["parameters"]
        ]
        self.assertEqual(names, ["chatroom_id", "count", "cursor", None])

    def test_patterns_are_of_javascript_and_defaults_are_valid(self) -> None:
        text = json.dumps(self.document)
        self.assertNotIn("\\\\Z", text)
        send = self.operations()["POST", "/v1/messages"]["requestBody"]["content"]["application/json"]
        self.assertNotIn("default", send["schema"]["properties"]["request_id"])

    def test_the_page_shows_every_operation_and_schema_and_takes_nothing_from_elsewhere(self) -> None:
        response = self.request("GET", "/docs")
        self.assertEqual(response.headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(response.headers["content-security-policy"], "frame-ancestors 'none'")
        page = response.body.decode()
        for (method, path), operation in self.operations().items():
            row = f">{method}</span><code>{path}</code> {operation['summary']}"
            self.assertIn(row, page.replace("&gt;", ">"))
            names = [name for way in operation["security"] for name in way]
            needs = {"bearer": "With a token.", "key": "With the administrator's key."}
            block = page.split(f'id="{operation["operationId"]}"')[1]
            self.assertIn(needs[names[0]] if names else "Without a token.", block.split("</p>")[0])
        for name in self.document["components"]["schemas"]:
            self.assertIn(f'id="{name}"', page)
        self.assertNotRegex(page, r"(?i)<script|<link|<img|@import|url\(|//")


class PlainDocumentTests(DocumentTestCase):
    def test_routes_of_profiling_and_of_the_administrator_are_in_it_only_where_they_are_served(
        self,
    ) -> None:
        paths = self.document["paths"]
        found = [path for path in paths if "debug" in path or "admin" in path]
        self.assertEqual(found, ["/v1/admin/live"])  # which clients on the machine may ask for


class UndescribedTests(SynchronousTestCase):
    def test_a_route_without_a_description_is_named(self) -> None:
        class Bare:
            app = Klein()

            @app.route("/bare", methods=["GET"])
            def bare(self, request: object) -> bytes:
                return b""

        error = self.assertRaises(LookupError, document.document, [Bare()], "trace")
        self.assertIn("'bare'", str(error))

    def test_an_app_takes_no_route_without_a_description_and_no_description_is_without_access(
        self,
    ) -> None:
        def bare(request: object) -> bytes:
            return b""

        error = self.assertRaises(LookupError, App().route("/bare", methods=["GET"]), bare)
        self.assertIn("'bare'", str(error))
        self.assertRaises(TypeError, describe, "Nothing.", "none")
