-- parts: session room person
-- One server: a user is no member any more; returns 1 for one who was.
local S, U = unpack(KEYS)
local user, chatroom, ttl, keep = unpack(ARGV)
if not is_chatroom(S) then return 'none' end
tell_heir('PUBLISH', S, chatroom, user, dismiss(S, user, floor_of(ttl)))
if not exit(U, chatroom, keep) then return 0 end
call('PUBLISH', U, cmsgpack.pack({'l', user, chatroom}))
return 1
