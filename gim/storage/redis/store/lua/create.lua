-- parts: session room
-- Makes a chatroom that stays until it is dismissed. *owner* will join it, '' for none.
local state = KEYS[1] .. ':state'
local name, owner = unpack(ARGV)
forget_abandoned(KEYS[1])
if is_chatroom(KEYS[1]) then return 'exists' end
if ends(KEYS[1]) then return 'ends' end
call('HSET', state, 'name', name, 'kept', 1)
if owner ~= '' then call('HSET', state, 'owner', owner) end
return 1
