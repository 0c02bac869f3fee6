-- parts: person
-- Cluster: what a private message changes for one of the two people, and its announcement. May be repeated.
local U = KEYS[1]
local born, keep, ttl, session, id, name, payload = unpack(ARGV)
local now = now_ms()
local kept_name, is_due = look(U, born, keep, now, ttl)
if name ~= '' and not kept_name then known(U, name) end
index(U, session, number(score_of(id)), is_due, now - ttl, keep)
if payload ~= '' then call('SPUBLISH', U, payload) end
return 1
