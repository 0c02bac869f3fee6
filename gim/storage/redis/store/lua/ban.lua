-- parts:
-- Bans a user for *duration* ms, or ends a ban when it is 0; returns the end. The ban is remembered for at least
-- *remember* ms.
local ban = KEYS[1] .. ':ban'
local duration, remember = unpack(ARGV)
if duration == '0' then
  if call('EXISTS', ban) == 1 then call('HSET', ban, 'ends', 0) end
  return '0'
end
local now = ms_of(now_score())
call('HSET', ban, 'since', number(now), 'ends', number(now + duration))
call('PEXPIRE', ban, number(math.max(duration, remember)))
return number(now + duration)
