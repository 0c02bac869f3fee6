"""What the administrator looks up over HTTP, on a transport in memory."""

from __future__ import annotations

from gim import __version__
from tests.unit.api.test_admin import KEY, AdminCase


class OptionTests(AdminCase):
    options = ("--drain", "3s", "--trace", "X-Trace")

    def test_all_are_shown_and_no_secret(self) -> None:
        response = self.shown("GET", "/options")
        data = response.envelope["data"]
        self.assertEqual((data["version"], data["workers"]), (__version__, 1))
        self.assertEqual(data["storage"], "memory")
        self.assertEqual(data["node"], self.admin("GET", "/statistics")["nodes"][0]["node"])
        items = {item["name"]: item for item in data["items"]}
        self.assertEqual((items["--drain"]["value"], items["--drain"]["origin"]), ("3s", "command line"))
        self.assertEqual(items["GIM_ADMIN_KEY"]["value"], "…")
        self.assertNotIn(KEY.encode(), response.body)


class UserTests(AdminCase):
    def setUp(self) -> None:
        super().setUp()
        self.ann, self.bob = self.user("ann", name="Ann"), self.user("bob")

    def test_a_user_with_all_that_is_known(self) -> None:
        for room in "den", "attic":
            self.data(self.ann, 301, id=room)
        found = self.admin("GET", "/users/ann")
        (connection,) = found.pop("connections")
        self.assertEqual(self.admin("GET", "/users/ann/connections")["items"], [connection])
        self.assertEqual(
            found,
            {
                "id": "ann",
                "name": "Ann",
                "online": True,
                "chatrooms": ["attic", "den"],
                "ban": {"since": 0, "until": 0},
            },
        )
        until = self.admin("PUT", "/users/bob/ban", seconds=60)["until"]
        found = self.admin("GET", "/users/bob")
        self.assertEqual((found["online"], found["connections"]), (False, []))
        self.assertEqual(found["ban"]["until"], until)
        self.assertEqual(self.refused("GET", "/users/eve"), 404)
        self.assertEqual(self.refused("GET", "/users/a%20b"), 400)

    def test_sessions_are_those_that_the_user_sees(self) -> None:
        self.data(self.ann, 301, id="den")
        self.data(self.ann, 201, type=1, target_id="den", content="a")
        self.data(self.ann, 201, type=2, target_id="bob", content="hi")
        seen = self.data(self.bob, 205)
        self.assertEqual(self.admin("GET", "/users/bob/sessions"), seen)
        self.assertEqual(seen["items"][0]["unread"], 1)
        page = self.admin("GET", "/users/ann/sessions?count=1")
        pages = [page, self.admin("GET", f"/users/ann/sessions?count=1&cursor={page['cursor']}")]
        listed = [item["id"] for page in pages for item in page["items"]]
        self.assertEqual(listed, ["2:ann:bob", "1:den"])
        (room,) = self.admin("GET", "/users/ann/sessions?type=1")["items"]
        self.assertEqual(room["id"], "1:den")
        self.assertEqual(self.refused("GET", "/users/eve/sessions"), 404)
        for query in "type=3", "count=0", "cursor=x":
            self.assertEqual(self.refused("GET", f"/users/ann/sessions?{query}"), 400)

    def test_reading_is_not_counted_against_the_user_and_reads_nothing(self) -> None:
        self.data(self.ann, 201, type=2, target_id="bob", content="hi")
        for _ in range(3):
            self.admin("GET", "/users/bob/sessions")
        self.assertEqual(self.data(self.bob, 205)["items"][0]["unread"], 1)
