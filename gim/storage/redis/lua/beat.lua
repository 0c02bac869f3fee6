-- parts:
-- A node is alive for *lease* ms more. Returns the time, the epoch, the last id and the nodes that are alive.
local G = KEYS[1]
local node, lease = unpack(ARGV)
local now = ms_of(now_score())
call('ZADD', G .. ':nodes', number(now + lease), node)
call('ZREMRANGEBYSCORE', G .. ':nodes', '-inf', number(now))
return {number(now), call('HGET', G .. ':data', 'epoch') or '', call('GET', G .. ':last') or FIRST,
  call('ZRANGE', G .. ':nodes', 0, -1)}
