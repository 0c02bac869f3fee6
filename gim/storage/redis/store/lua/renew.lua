-- parts: person
-- Names a node again among those where the user is connected, and takes out the dead: neither *alive* nor born lately.
local U = KEYS[1]
local node, born, keep, longest, before = unpack(ARGV)
local alive = {[node] = true}
for n = 6, #ARGV do alive[ARGV[n]] = true end
connected(U, node, born, keep, longest)
for _, other in ipairs(call('SMEMBERS', U .. ':nodes')) do
  if not alive[other] and string.sub(other, 1, 8) < before then call('SREM', U .. ':nodes', other) end
end
return 1
