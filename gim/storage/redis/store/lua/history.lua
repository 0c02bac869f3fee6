-- parts: rules session reading
-- A page of messages, newest first, as far as *bytes* reach: ids, values, and the bytes that the next message needs, 0 if
-- the page is whole.
local S = KEYS[1]
local members_only, reader, before, count, ttl, bytes = unpack(ARGV)
if members_only == '1' then
  local refused = refusal_to_read(S, reader)
  if refused then return refused end
end
local ids = newest(S, floor_of(ttl), before, tonumber(count))
local found, needed = values_within(S, ids, bytes)
return {{unpack(ids, 1, #found)}, found, needed}
