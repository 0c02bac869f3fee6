-- parts:
-- Renews a node's lease for *lease* ms and stores its *counts*. Returns the time, the epoch, the last id, the nodes
-- that are alive, the broadcasts after number *heard*, and the number of the last broadcast.
local G = KEYS[1]
local node, lease, counts, heard, age = unpack(ARGV)
local now = ms_of(now_score())
call('ZADD', G .. ':nodes', number(now + lease), node)
-- a lease that ends later was given before the server's clock was set back
for _, one in ipairs(call('ZRANGEBYSCORE', G .. ':nodes', '(' .. number(now + lease), '+inf')) do
  call('ZADD', G .. ':nodes', number(now + lease), one)
end
call('HSET', G .. ':counts', node, counts)
local dead = call('ZRANGEBYSCORE', G .. ':nodes', '-inf', number(now))
if #dead > 0 then
  call('ZREM', G .. ':nodes', unpack(dead))
  call('HDEL', G .. ':counts', unpack(dead))
end
local said, spoken = {}, call('GET', G .. ':spoken') or '0'
if tonumber(spoken) > tonumber(heard) then
  for _, packed in ipairs(call('LRANGE', G .. ':said', 0, -1)) do
    local one = cmsgpack.unpack(packed)
    if one[1] > tonumber(heard) and one[2] > now - age then table.insert(said, {number(one[1]), one[3]}) end
  end
end
return {number(now), call('HGET', G .. ':data', 'epoch') or '', call('GET', G .. ':last') or FIRST,
  call('ZRANGE', G .. ':nodes', 0, -1), said, spoken}
