-- parts: session room person
-- One server: a user becomes a member; returns the number of members.
local S, U, G = unpack(KEYS)
local user, name, chatroom, title, random, born, keep, makes = unpack(ARGV)
local total = admit(S, user, title, makes)
if total == 'none' then return total end
touch(U, born, keep)
known(U, name)
if call('HEXISTS', U .. ':rooms', chatroom) == 0 then
  local rank = new_id(G .. ':last', now_score(), random)
  enter(U, chatroom, rank)
  call('PUBLISH', U, cmsgpack.pack({'j', user, chatroom}))
end
return total
