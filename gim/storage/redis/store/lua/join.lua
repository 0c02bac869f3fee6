-- parts: session room person
-- One server: a user becomes a member. Returns the number of members, for each of the two limits 1 if it was
-- reached, 1 for a new member, and the newest id of all sessions; or 'none', 'ends', 'full' or 'many' if it refuses
-- the user.
local S, U, G = unpack(KEYS)
local user, name, chatroom, title, random, born, keep, makes, most_members, no_more, most_chatrooms,
  not_in_more = unpack(ARGV)
forget_abandoned(S)
if makes == '0' and not is_chatroom(S) then return 'none' end
if ends(S) then return 'ends' end
local full, many = is_full(S, user, most_members), in_many(U, chatroom, most_chatrooms)
if full and no_more == '1' then return 'full' end
if many and not_in_more == '1' then return 'many' end
local total = admit(S, user, title)
touch(U, born, keep)
known(U, name)
local is_new = call('HEXISTS', U .. ':rooms', chatroom) == 0
if is_new then
  local rank = new_id(G .. ':last', now_score(), random)
  enter(U, chatroom, rank)
  call('PUBLISH', U, cmsgpack.pack({'j', user, chatroom}))
end
return {total, full and 1 or 0, many and 1 or 0, is_new and 1 or 0, call('GET', G .. ':last') or FIRST}
