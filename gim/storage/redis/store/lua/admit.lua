-- parts: session room
-- Cluster: the chatroom's part of a join. Returns the number of members, and 1 if the chatroom was full; or 'none',
-- 'ends' or 'full' if it refuses the user.
local S = KEYS[1]
local user, name, makes, most, no_more = unpack(ARGV)
forget_abandoned(S)
if makes == '0' and not is_chatroom(S) then return 'none' end
if ends(S) then return 'ends' end
local full = is_full(S, user, most)
if full and no_more == '1' then return 'full' end
return {admit(S, user, name), full and 1 or 0}
