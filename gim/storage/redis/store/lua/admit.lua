-- parts: session room
-- Cluster: the chatroom's part of a join. Returns the number of members, and 1 if the chatroom was full; or 'full' if
-- it refuses the user.
local S = KEYS[1]
local user, name, makes, most, no_more = unpack(ARGV)
local full = is_full(S, user, most)
if full and no_more == '1' then return 'full' end
local total = admit(S, user, name, makes)
if total == 'none' then return total end
return {total, full and 1 or 0}
