-- parts: person
-- Cluster: what a private message changes for one of the two people, and its announcement. May be repeated.
local U = KEYS[1]
local born, keep, ttl, session, id, name, payload = unpack(ARGV)
local score = now_score()
local kept_name, is_due = look(U, born, keep, ms_of(score), ttl)
if name ~= '' and not kept_name then known(U, name) end
index(U, session, number(score_of(id)), is_due, score - ttl * 1000, keep)
if payload ~= '' then call('SPUBLISH', U, payload) end
return 1
