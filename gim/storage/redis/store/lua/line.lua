-- parts: session
-- Returns for each session what a list of sessions shows of it: the newest message, the number of unread ones, a
-- chatroom's name.
local reader, ttl = unpack(ARGV)
local floor = floor_of(ttl)
local found = {}
for at, S in ipairs(KEYS) do
  local last = newest(S, floor, '', 1)
  local read = call('HGET', S .. ':state', 'read:' .. reader) or FIRST
  local name = call('HGET', S .. ':state', 'name') or ''
  found[at] = {last[1] or '', values(S, last)[1] or '', unread(S, read, floor), name}
end
return found
