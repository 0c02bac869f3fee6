-- parts: session
-- Moves a read position forwards, never past the newest message; returns how many are left unread.
local S = KEYS[1]
local members_only, reader, upto, ttl = unpack(ARGV)
if members_only == '1' then
  local refused = refusal(S, reader)
  if refused then return refused end
end
local floor = floor_of(ttl)
local last = newest(S, floor, '', 1)[1]
if not last then return 0 end
local read = call('HGET', S .. ':state', 'read:' .. reader) or FIRST
if last < upto then upto = last end
if read < upto then
  read = upto
  call('HSET', S .. ':state', 'read:' .. reader, read)
end
return unread(S, read, floor)
