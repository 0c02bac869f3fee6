-- parts: person
-- Cluster: the user's part of a joining, and its announcement. May be repeated. Returns the id that ranks it, which is
-- after *newest*: what this node knows to have come before.
local U = KEYS[1]
local user, name, chatroom, newest, random, born, keep = unpack(ARGV)
touch(U, born, keep)
known(U, name)
local last = call('HGET', U .. ':user', 'rank') or FIRST
local rank = next_id(last < newest and newest or last, now_score(), random)
if enter(U, chatroom, rank) then
  call('HSET', U .. ':user', 'rank', rank)
  call('SPUBLISH', U, cmsgpack.pack({'j', user, chatroom}))
end
return rank
