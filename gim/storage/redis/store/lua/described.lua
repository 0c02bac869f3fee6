-- parts:
-- Returns for each chatroom the name, '' if there is none, the owner, the number of members, and 1 if it stays without.
local found = {}
for at, S in ipairs(KEYS) do
  local state, members = call('HMGET', S .. ':state', 'name', 'owner', 'kept'), call('ZCARD', S .. ':members')
  local is_there = state[1] and (members > 0 or state[3])
  found[at] = {is_there and state[1] or '', state[2] or '', members, state[3] and 1 or 0}
end
return found
