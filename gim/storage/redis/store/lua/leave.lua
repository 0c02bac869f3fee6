-- parts: session room person
-- One server: ends a membership; returns 1 if there was one.
local S, U = unpack(KEYS)
local user, chatroom, keep = unpack(ARGV)
if not is_chatroom(S) then return 'none' end
tell_heir('PUBLISH', S, chatroom, user, dismiss(S, user))
if not exit(U, chatroom, keep) then return 0 end
call('PUBLISH', U, cmsgpack.pack({'l', user, chatroom}))
return 1
