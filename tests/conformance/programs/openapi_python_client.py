# mypy: ignore-errors
"""Uses the client that openapi-python-client makes: URL USER PEER."""

import json
import sys

from gimapi import AuthenticatedClient, Client, models
from gimapi.api.chatrooms import join
from gimapi.api.messages import send
from gimapi.api.sessions import history
from gimapi.api.users import login, user

url, me, peer = sys.argv[1:]


def client_of(id):
    """Return a client with the token of a user."""
    answer = login.sync(client=Client(base_url=url), body=models.LoginBody(id=id))
    return AuthenticatedClient(base_url=url, token=answer.data.token)


def refusal(answer):
    """Return the code and the sentence of an error."""
    assert isinstance(answer, models.Refusal), answer
    return [answer.code, answer.msg]


as_user, as_peer = client_of(me), client_of(peer)
join.sync(peer, client=as_peer, body=models.JoinBody())
body = models.SendBody(type_=2, target_id=peer, content="hi")
sent = send.sync(client=as_user, body=body).data
read = history.sync(sent.session_id, client=as_user)
found = {
    "code": read.code,
    "sent": [sent.id, me, "hi", sent.created_at],
    "history": [[each.id, each.sender.id, each.content, each.created_at] for each in read.data.items],
    "refusals": [
        refusal(user.sync("stranger", client=as_user)),
        refusal(history.sync(f"1:{peer}", client=as_user)),
    ],
}
print(json.dumps(found))
