-- parts: session room rules roles
-- Renames a chatroom.
local S = KEYS[1]
local publish, chatroom, by, name = unpack(ARGV)
local refused = objection(S, 'rename', by, '')
if refused then return refused end
call('HSET', S .. ':state', 'name', name)
call(publish, S, event_of(chatroom, 'renamed', by, '', '', name, '', 0))
return 1
