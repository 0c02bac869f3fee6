-- parts:
-- Adds a broadcast, which all nodes receive with their next beats. It is kept for *age* ms.
local G = KEYS[1]
local event, age, most = unpack(ARGV)
local list, now = G .. ':said', ms_of(now_score())
local first = call('LINDEX', list, 0)
while first and cmsgpack.unpack(first)[2] <= now - age do
  call('LPOP', list)
  first = call('LINDEX', list, 0)
end
if call('LLEN', list) >= tonumber(most) then return 'full' end
call('RPUSH', list, cmsgpack.pack({call('INCR', G .. ':spoken'), now, event}))
call('PEXPIRE', list, age)
return 1
