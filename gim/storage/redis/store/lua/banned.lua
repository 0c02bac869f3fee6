-- parts: person bans
-- When a user was banned last and when that ends: '0' for not, or not any more.
local U = KEYS[1]
local ban = call('HMGET', U .. ':ban', 'since', 'ends')
return {ban[1] or '0', banned(U) and ban[2] or '0'}
