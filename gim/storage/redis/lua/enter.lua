-- parts: person
-- Cluster: the user's part of a joining, and its announcement. May be repeated.
local U = KEYS[1]
local user, name, chatroom, random, born, keep = unpack(ARGV)
touch(U, born, keep)
known(U, name)
local rank = next_id(call('HGET', U .. ':user', 'rank'), now_score(), random)
if enter(U, chatroom, rank) then
  call('HSET', U .. ':user', 'rank', rank)
  call('SPUBLISH', U, cmsgpack.pack({'j', user, chatroom}))
end
return 1
