-- parts: session admission person
-- One server: a chatroom message and its announcement in one step.
local S, A, G = unpack(KEYS)
local deadline, ttl, cap, numbered, window, limit, born, keep, random, session, sender, name, category,
  content, request, origin, is_exempt = unpack(ARGV)
local score = now_score()
local now = ms_of(score)
if now > tonumber(deadline) then return 'late' end
local digest = digest_of(request, category, content)
local again = answered(S, sender, request, digest, now, window, score - ttl * 1000)
if again then return again end
local state, refused, reader = admission(S, sender, now, is_exempt == '1')
if refused then return refused end
name = look(A, born, keep, now, ttl, 'posted') or known(A, name)
local id, rank = new_id(G .. ':last', score, random)
local sequence, said = store(S, id, rank, now, score - ttl * 1000, ttl, tonumber(cap), numbered, false, keep,
  to_renew(state[3], now, ttl), reader, sender, name, category, content, origin)
remember(S, sender, request, digest, now, window, tonumber(limit), id, sequence)
call('PUBLISH', S, news_of(id, session, state[1], said))
return {id, sequence}
