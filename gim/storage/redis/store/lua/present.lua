-- parts:
-- Adds a user to the set of a node that announces them. Returns 1 for a node that was not known: see unsettled.lua.
local G = KEYS[1]
local node, user = unpack(ARGV)
call('SADD', G .. ':present:' .. node, user)
return call('SADD', G .. ':telling', node)
