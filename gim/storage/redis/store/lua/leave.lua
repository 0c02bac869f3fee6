-- parts: session room person
-- One server: ends a membership; returns 1 if there was one. A chatroom that is gone may still be among the user's.
local S, U = unpack(KEYS)
local user, chatroom, keep = unpack(ARGV)
local is_there = is_chatroom(S)
if is_there then tell_heir('PUBLISH', S, chatroom, user, dismiss(S, user)) end
if not exit(U, chatroom, keep) then return is_there and 0 or 'none' end
call('PUBLISH', U, cmsgpack.pack({'l', user, chatroom}))
return 1
