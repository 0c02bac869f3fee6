-- parts: person
-- The user's part of the end of a membership, and its announcement: *why* is '' if the user left. May be repeated;
-- returns 1 if the user was a member.
local U = KEYS[1]
local publish, user, chatroom, keep, why, by = unpack(ARGV)
if not exit(U, chatroom, keep) then return 0 end
call(publish, U, cmsgpack.pack({'l', user, chatroom, why, by}))
return 1
