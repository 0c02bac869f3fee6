-- parts: session person
-- One server: a private message, both people's lists and the announcements in one step.
local S, A, B, G = unpack(KEYS)
local deadline, ttl, cap, numbered, window, limit, born, keep, random, session, sender, name, receiver,
  category, content, request, origin = unpack(ARGV)
local now = now_ms()
if now > tonumber(deadline) then return 'late' end
local again = answered(S, sender, request, now, window)
if again then return again end
touch(A, born, keep)
touch(B, born, keep)
name = known(A, name)
local id, sequence = store(S, G .. ':last', now, random, ttl, tonumber(cap), numbered, sender, name, category,
  content, origin)
let_private_expire(S, numbered, ttl, keep)
remember(S, sender, request, now, window, tonumber(limit), id, sequence)
index(A, session, id, now - ttl, ttl)
index(B, session, id, now - ttl, ttl)
local function announce(U, title)
  call('PUBLISH', U, cmsgpack.pack({'m', id, session, title, sequence, 1, sender, name, category, content, origin}))
end
announce(B, name)
announce(A, title(B, receiver))
return {id, sequence}
