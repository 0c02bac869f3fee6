-- parts: session admission
-- Cluster: a message and, for a chatroom, its announcement, within the session's slot. The users' lists follow, for which
-- the reply to a private message also names the one before it, '' for none.
local S = KEYS[1]
local deadline, ttl, cap, numbered, window, limit, hint, keep, random, session, sender, name, category,
  content, request, origin, kind = unpack(ARGV) -- of a chatroom message: chatroom, or exempt; else private
local score = now_score()
local now = ms_of(score)
if now > tonumber(deadline) then return 'late' end
local digest = digest_of(request, category, content)
local again = answered(S, sender, request, digest, now, window, score - ttl * 1000)
if again then return again end
local state, refused, reader, previous = {}, false, sender, nil
if kind == 'private' then
  state[3] = call('HGET', S .. ':state', 'renewed')
  previous = call('ZRANGE', S .. ':ids', -1, -1)[1] or ''
else
  state, refused, reader = admission(S, sender, now, kind == 'exempt')
  if refused then return refused end
end
local clock = S .. ':last'
if (call('GET', clock) or FIRST) < hint then call('SET', clock, hint) end
local id, rank = new_id(clock, score, random)
local sequence, said = store(S, id, rank, now, score - ttl * 1000, ttl, tonumber(cap), numbered, kind == 'private', keep,
  to_renew(state[3], now, ttl), reader, sender, name, category, content, origin)
call('PEXPIRE', clock, keep)
remember(S, sender, request, digest, now, window, tonumber(limit), id, sequence)
if kind ~= 'private' then call('SPUBLISH', S, news_of(id, session, state[1], said)) end
return {id, sequence, previous}
