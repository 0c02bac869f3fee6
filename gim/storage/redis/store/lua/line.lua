-- parts: session
-- Returns for each session what a list of sessions shows of it: the newest message, the number of unread ones, a
-- chatroom's name. Or how many bytes that needs, if more than *bytes*.
local reader, ttl, bytes = unpack(ARGV)
local floor = floor_of(ttl)
local found, texts = {}, {}
for at, S in ipairs(KEYS) do
  local last = newest(S, floor, '', 1)
  local read = call('HGET', S .. ':state', 'read:' .. reader) or FIRST
  local name = call('HGET', S .. ':state', 'name') or ''
  local value = values(S, last)[1] or ''
  found[at] = {last[1] or '', value, unread(S, read, floor), name}
  texts[at] = found[at][1] .. value .. name
end
return within(bytes, texts) or found
