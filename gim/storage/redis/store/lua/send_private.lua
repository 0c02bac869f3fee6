-- parts: session person
-- One server: a private message, both users' lists and the announcements in one step. A sender who *is_alone* has
-- no other connection at this *node*.
local S, A, B, G = unpack(KEYS)
local deadline, ttl, cap, numbered, window, limit, born, keep, random, session, sender, name, receiver,
  category, content, request, origin, is_alone, node = unpack(ARGV)
local score = now_score()
local now = ms_of(score)
if now > tonumber(deadline) then return 'late' end
local digest = digest_of(request, category, content)
local again = answered(S, sender, request, digest, now, window, score - ttl * 1000)
if again then return again end
local own_name, own_due = look(A, born, keep, now, ttl, 'renewed')
local title, its_due = look(B, born, keep, now, ttl, 'renewed')
name = own_name or known(A, name)
local renewed = call('HGET', S .. ':state', 'renewed') -- false for a session that is new, or whose keys have expired
local id, sequence, rank, said = store(S, G .. ':last', score, random, ttl, tonumber(cap), numbered, true, keep,
  renewed, sender, sender, name, category, content, origin)
remember(S, sender, request, digest, now, window, tonumber(limit), id, sequence)
index(A, session, rank, not renewed, own_due, score - ttl * 1000)
index(B, session, rank, not renewed, its_due, score - ttl * 1000)
call('PUBLISH', B, news_of(id, session, name, said))
if is_alone == '0' or call('SCARD', A .. ':nodes') > call('SISMEMBER', A .. ':nodes', node) then
  call('PUBLISH', A, news_of(id, session, title or receiver, said))
end
return {id, sequence}
