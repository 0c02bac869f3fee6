-- parts: session room
-- Cluster: the chatroom's part of a leave.
local S = KEYS[1]
local user, chatroom = unpack(ARGV)
if not is_chatroom(S) then return 'none' end
tell_heir('SPUBLISH', S, chatroom, user, dismiss(S, user))
return 1
