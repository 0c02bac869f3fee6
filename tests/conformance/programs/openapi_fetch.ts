// Uses openapi-fetch with the types of openapi-typescript: URL USER PEER.
import createClient from "openapi-fetch";
import type {paths} from "./api.js";

declare const process: {argv: string[]};
const [url, user, peer] = process.argv.slice(2);

/** Returns a client with the token of a user. */
async function login(id: string) {
  const {data, error} = await createClient<paths>({baseUrl: url}).POST("/v1/login", {body: {id}});
  if (error) throw new Error(error.msg);
  return createClient<paths>({baseUrl: url, headers: {Authorization: `Bearer ${data.data.token}`}});
}

function must<T>({data, error}: {data?: T; error?: {msg: string}}): T {
  if (!data) throw new Error(error?.msg);
  return data;
}

const asUser = await login(user);
const asPeer = await login(peer);
must(await asPeer.PUT("/v1/chatrooms/{chatroom_id}/members/me", {params: {path: {chatroom_id: peer}}}));
const sent = must(await asUser.POST("/v1/messages", {body: {type: 2, target_id: peer, content: "hi"}})).data;
const history = "/v1/sessions/{session_id}/messages";
const read = must(await asUser.GET(history, {params: {path: {session_id: sent.session_id}}}));
const unknown = await asUser.GET("/v1/users/{user_id}", {params: {path: {user_id: "stranger"}}});
const stranger = await asUser.GET(history, {params: {path: {session_id: `1:${peer}`}}});

const time: number = sent.created_at;
const code: 0 = read.code;
const refusals = [unknown, stranger].map(({error}) => [error!.code, error!.msg]);
console.log(JSON.stringify({
  code,
  sent: [sent.id, user, "hi", time],
  history: read.data.items.map(each => [each.id, each.sender.id, each.content, each.created_at]),
  refusals,
}));
