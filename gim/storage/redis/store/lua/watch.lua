-- parts: person bans
-- Counts a node among those where the user is connected.
local U = KEYS[1]
local node, born, keep, longest = unpack(ARGV)
local refused = banned(U)
if refused then return refused end
connected(U, node, born, keep, longest)
return 1
