-- parts: session
-- Cluster: a message and, for a chatroom, its announcement, within the session's slot. The people's lists follow.
local S = KEYS[1]
local deadline, ttl, cap, numbered, window, limit, hint, keep, random, session, sender, name, category,
  content, request, origin, members_only = unpack(ARGV)
local score = now_score()
local now = ms_of(score)
if now > tonumber(deadline) then return 'late' end
local again = answered(S, sender, request, now, window)
if again then return again end
if members_only == '1' then
  local refused = refusal(S, sender)
  if refused then return refused end
end
local clock = S .. ':last'
if (call('GET', clock) or FIRST) < hint then call('SET', clock, hint) end
local id, sequence, _, said = store(S, clock, score, random, ttl, tonumber(cap), numbered, members_only == '0', keep,
  sender, name, category, content, origin)
call('PEXPIRE', clock, keep)
remember(S, sender, request, now, window, tonumber(limit), id, sequence)
if members_only == '1' then
  call('SPUBLISH', S, news_of(id, session, call('HGET', S .. ':state', 'name'), said))
end
return {id, sequence}
