-- parts: person
-- Cluster: the user's part of a leaving, and its announcement. May be repeated.
local U = KEYS[1]
local user, chatroom, keep = unpack(ARGV)
if exit(U, chatroom, keep) then call('SPUBLISH', U, cmsgpack.pack({'l', user, chatroom})) end
return 1
