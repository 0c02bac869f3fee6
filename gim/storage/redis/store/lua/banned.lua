-- parts: person bans
-- Returns when a user was banned last and when that ban ends: '0' for not banned, or not any more.
local U = KEYS[1]
local ban = call('HMGET', U .. ':ban', 'since', 'ends')
return {ban[1] or '0', banned(U) and ban[2] or '0'}
