-- parts: person
-- Cluster: the user's part of a joining, and its announcement. May be repeated.
local U = KEYS[1]
local user, name, chatroom, random, born, keep = unpack(ARGV)
touch(U, born, keep)
known(U, name)
if enter(U, chatroom, next_id(false, now_ms(), random)) then
  call('SPUBLISH', U, cmsgpack.pack({'j', user, chatroom}))
end
return 1
