-- parts: session
-- A page of messages, newest first: ids and values.
local S = KEYS[1]
local members_only, reader, before, count, ttl = unpack(ARGV)
if members_only == '1' then
  local refused = refusal(S, reader)
  if refused then return refused end
end
local ids = newest(S, floor_of(ttl), before, tonumber(count))
return {ids, values(S, ids)}
