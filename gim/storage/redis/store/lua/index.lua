-- parts: person
-- Cluster: what a private message changes for one of its two users, and its announcement. May be repeated:
-- ids of announced messages are remembered for *told* ms.
local U = KEYS[1]
local born, keep, ttl, told, session, id, name, payload = unpack(ARGV)
local score = now_score()
local now = ms_of(score)
local kept_name, is_due = look(U, born, keep, now, ttl, 'renewed')
if name ~= '' and not kept_name then known(U, name) end
index(U, session, number(score_of(id)), is_due, score - ttl * 1000)
local since, now = U .. ':told', number(now)
if call('ZADD', since, 'NX', now, id) == 1 then
  call('ZREMRANGEBYSCORE', since, '-inf', number(now - told))
  call('PEXPIRE', since, told)
  call('SPUBLISH', U, payload)
end
return 1
