-- parts: person
-- Cluster: what a private message changes for one of the two people, and its announcement. May be repeated.
local U = KEYS[1]
local born, keep, ttl, session, id, name, payload = unpack(ARGV)
touch(U, born, keep)
if name ~= '' then known(U, name) end
index(U, session, id, now_ms() - ttl, ttl)
if payload ~= '' then call('SPUBLISH', U, payload) end
return 1
