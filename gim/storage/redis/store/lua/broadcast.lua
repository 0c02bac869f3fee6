-- parts:
-- Adds to what all nodes are to hear: with their next beats, and for *age* ms at most.
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
