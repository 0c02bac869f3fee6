-- parts:
-- Each node that reports who is online keeps a set of the users connected to it. The set of a node without a lease
-- becomes an orphan: other nodes move its users into their own sets, *limit* at a time; with 0 they move none. Returns
-- 1 if the node was not known, as it is new or was considered dead; and the users that it took.
local G = KEYS[1]
local node, limit = ARGV[1], tonumber(ARGV[2])
local telling, orphans, now = G .. ':telling', G .. ':orphans', ms_of(now_score())
local is_new = call('SADD', telling, node)
if limit == 0 then return {is_new, {}} end
for _, other in ipairs(call('SMEMBERS', telling)) do
  local lease = other ~= node and (call('ZSCORE', G .. ':nodes', other) or 0)
  local left = orphans .. ':' .. other
  if lease and tonumber(lease) <= now and call('EXISTS', left) == 0 then
    call('SREM', telling, other)
    if call('EXISTS', G .. ':present:' .. other) == 1 then
      call('RENAME', G .. ':present:' .. other, left)
      call('SADD', orphans, other)
    end
  end
end
local found = {}
for _, other in ipairs(call('SMEMBERS', orphans)) do
  local left = orphans .. ':' .. other
  if #found < limit then
    for _, user in ipairs(call('SPOP', left, limit - #found)) do table.insert(found, user) end
  end
  if call('EXISTS', left) == 0 then call('SREM', orphans, other) end
end
if #found > 0 then call('SADD', G .. ':present:' .. node, unpack(found)) end
return {is_new, found}
