-- parts:
-- Returns for each user the name, '' for none, and with_nodes = '1' the nodes where they are connected.
local with_nodes = ARGV[1] == '1'
local found = {}
for at, U in ipairs(KEYS) do
  local name = call('HGET', U .. ':user', 'name') or ''
  found[at] = {name, with_nodes and call('SMEMBERS', U .. ':nodes') or {}}
end
return found
