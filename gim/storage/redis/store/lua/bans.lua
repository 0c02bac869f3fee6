-- Bans of users.

-- Says for how long a user is banned, nil when they are not.
local function banned(U)
  local ends = call('HGET', U .. ':ban', 'ends')
  local left = ends and ends - ms_of(now_score()) or 0
  return left > 0 and 'banned:' .. number(left) or nil
end
