-- parts: session
-- Moves a read position forwards, never past the newest message. Returns how many are left unread, and the position if
-- fewer are than before, else ''. One server: also announces it to the reader.
local S, U = unpack(KEYS)
local members_only, reader, upto, ttl, session = unpack(ARGV)
if members_only == '1' then
  local refused = refusal(S, reader)
  if refused then return refused end
end
local floor = floor_of(ttl)
local last = newest(S, floor, '', 1)[1]
if not last then return {0, ''} end
local read = call('HGET', S .. ':state', 'read:' .. reader) or FIRST
if last < upto then upto = last end
local before = unread(S, read, floor)
if read >= upto then return {before, ''} end
call('HSET', S .. ':state', 'read:' .. reader, upto)
local left = unread(S, upto, floor)
if left == before then return {left, ''} end
if U then call('PUBLISH', U, cmsgpack.pack({'r', session, upto, left})) end
return {left, upto}
