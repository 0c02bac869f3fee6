# mypy: ignore-errors
"""Uses the client that openapi-generator makes for Python: URL USER PEER."""

import json
import sys

import gimapi

url, user, peer = sys.argv[1:]


def login(id):
    """Return a client with the token of a user."""
    configuration = gimapi.Configuration(host=url)
    users = gimapi.UsersApi(gimapi.ApiClient(configuration))
    configuration.access_token = users.login(gimapi.LoginRequest(id=id)).data.token
    return gimapi.ApiClient(configuration)


def refusal(call, *arguments):
    """Return the code and the sentence of an error."""
    try:
        call(*arguments)
    except gimapi.ApiException as error:
        assert isinstance(error.data, gimapi.Refusal), error.data
        return [error.data.code, error.data.msg]


as_user, as_peer = login(user), login(peer)
gimapi.ChatroomsApi(as_peer).join(peer)
request = gimapi.SendRequest(type=2, target_id=peer, content="hi")
sent = gimapi.MessagesApi(as_user).send(request).data
sessions = gimapi.SessionsApi(as_user)
read = sessions.history(sent.session_id)
found = {
    "code": read.code,
    "sent": [sent.id, user, "hi", sent.created_at],
    "history": [[each.id, each.sender.id, each.content, each.created_at] for each in read.data.items],
    "refusals": [
        refusal(gimapi.UsersApi(as_user).user, "stranger"),
        refusal(sessions.history, f"1:{peer}"),
    ],
}
print(json.dumps(found))
