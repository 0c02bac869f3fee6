-- parts: person
-- Cluster: the user's part of a join, and its announcement. May be repeated. Returns the id that ranks it, which is
-- after *newest*: what this node knows to have come before; 1 if the user had reached the limit of chatrooms; and
-- 1 for a new member. Returns 'many' if it refuses the user.
local U = KEYS[1]
local user, name, chatroom, newest, random, born, keep, most, not_in_more = unpack(ARGV)
local many = in_many(U, chatroom, most)
if many and not_in_more == '1' then return 'many' end
touch(U, born, keep)
known(U, name)
local last = call('HGET', U .. ':user', 'rank') or FIRST
local rank = id_at(score_after(last < newest and newest or last, now_score()), random)
local is_new = enter(U, chatroom, rank)
if is_new then
  call('HSET', U .. ':user', 'rank', rank)
  call('SPUBLISH', U, cmsgpack.pack({'j', user, chatroom}))
end
return {rank, many and 1 or 0, is_new and 1 or 0}
