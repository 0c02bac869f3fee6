-- parts: person
-- The user's part of the end of a membership, and its announcement: *why* is '' for a leaving. May be repeated.
local U = KEYS[1]
local publish, user, chatroom, keep, why, by = unpack(ARGV)
if exit(U, chatroom, keep) then call(publish, U, cmsgpack.pack({'l', user, chatroom, why, by})) end
return 1
