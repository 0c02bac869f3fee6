-- parts: session room rules roles
-- The chatroom's part of a removal, and its announcement there.
local S = KEYS[1]
local publish, chatroom, by, user = unpack(ARGV)
local refused = objection(S, 'remove', by, user)
if refused then return refused end
local heir = dismiss(S, user)
call(publish, S, event_of(chatroom, 'removed', by, user, '', '', '', 0, user))
tell_heir(publish, S, chatroom, user, heir)
return 1
