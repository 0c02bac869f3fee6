-- parts: session person
-- One server: private messages, the lists of their users and the announcements in one step. The keys are that of the
-- data set, sender and receiver of each message, and the session of each. *begin* is where the ids of users and sessions
-- begin in them. A message has six arguments behind the twelve of all, the first of them a deadline of its own or ''.
-- *alone* has a digit for each message, 1 for a sender who has no other connection at this node; *heard* one for each
-- sender and receiver, 1 if the node is subscribed to them.
-- Returns whether the node is to announce the messages itself to those it hears. It is, unless another node is subscribed
-- to one of these users as well: then all are published, so that each channel keeps its order. For each message follow
-- the id, the sequence, the sender's name and, if the sender needs it, the receiver's; or a refusal; or an error, which
-- leaves the others alone.
local OF_ALL, OF_EACH = 12, 6 -- arguments
local ZERO = string.byte('0')
local keys, words = KEYS, ARGV
local G = keys[1]
local usual, random, ttl, cap, numbered, window, limit, born, keep, begin, alone, heard = unpack(words, 1, OF_ALL)
usual, cap, limit = tonumber(usual), tonumber(cap), tonumber(limit)
local count = (#keys - 1) / 3
local score = now_score()
local now, floor = ms_of(score), score - ttl * 1000
local rank = score_after(call('GET', G .. ':last'), score) -- of the next message
local newest

-- How many nodes are subscribed to each user, and how many of them are others.
local all, others, is_local = {}, {}, true
local found = call('PUBSUB', 'NUMSUB', unpack(keys, 2, 1 + 2 * count))
for n = 1, 2 * count do
  local own = string.byte(heard, n) - ZERO
  all[n], others[n] = found[2 * n], found[2 * n] - own
  if own == 1 and others[n] > 0 then is_local = false end
end
local audience = is_local and others or all

local function send(n)
  local at = OF_ALL + OF_EACH * (n - 1)
  local deadline, name, category, content, request, origin = unpack(words, at + 1, at + OF_EACH)
  if now > (tonumber(deadline) or usual) then return 'late' end
  local A, B, S = keys[2 * n], keys[2 * n + 1], keys[1 + 2 * count + n]
  local sender, session = string.sub(A, begin, -2), string.sub(S, begin, -2)
  local digest = digest_of(request, category, content)
  local again = answered(S, sender, request, digest, now, window, floor)
  if again then return again end
  local renewed = call('HGET', S .. ':state', 'renewed') -- false for a session that is new, or whose keys have expired
  local is_due = to_renew(renewed, now, ttl)
  local kept, own_due, its_due = not is_due and call('HGET', A .. ':user', 'name'), false, false
  if not kept then
    kept, own_due = look(A, born, keep, now, ttl, 'renewed')
    its_due = select(2, look(B, born, keep, now, ttl, 'renewed'))
  end
  name = kept or known(A, name)
  local id, score = id_at(rank, random)
  newest, rank = id, rank + 1
  local sequence, said = store(S, id, score, now, floor, ttl, cap, numbered, true, keep, is_due, sender, sender, name,
    category, content, origin)
  remember(S, sender, request, digest, now, window, limit, id, sequence)
  index(A, session, score, not renewed, own_due, floor)
  index(B, session, score, not renewed, its_due, floor)
  if audience[2 * n] > 0 then call('PUBLISH', B, news_of(id, session, name, said)) end
  if string.byte(alone, n) > ZERO and others[2 * n - 1] == 0 then return {id, sequence, name} end
  local title = call('HGET', B .. ':user', 'name') or string.sub(B, begin, -2)
  if audience[2 * n - 1] > 0 then call('PUBLISH', A, news_of(id, session, title, said)) end
  return {id, sequence, name, title}
end

local results = {is_local and 1 or 0}
for n = 1, count do
  local is_done, result = pcall(send, n)
  results[n + 1] = is_done and result or {err = type(result) == 'table' and result.err or tostring(result)}
end
if newest then call('SET', G .. ':last', newest) end
return results
