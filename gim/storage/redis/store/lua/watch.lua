-- parts: person bans
-- Counts a node among those where the user is connected. Returns up to where announcements are older: on one server the
-- newest id of all sessions, on a cluster (without G) the time of the last announcement to the user in ms.
local U, G = unpack(KEYS)
local node, born, keep, longest = unpack(ARGV)
local refused = banned(U)
if refused then return refused end
connected(U, node, born, keep, longest)
if G then return {call('GET', G .. ':last') or FIRST} end
return {call('ZRANGE', U .. ':told', -1, -1, 'WITHSCORES')[2] or '0'}
