-- parts: session
-- Returns what a list of sessions shows of a session: the newest message, the number of unread ones, a chatroom's name.
local S = KEYS[1]
local reader, ttl = unpack(ARGV)
local floor = floor_of(ttl)
local last = newest(S, floor, '', 1)
local read = call('HGET', S .. ':state', 'read:' .. reader) or FIRST
return {last[1] or '', values(S, last)[1] or '', unread(S, read, floor), call('HGET', S .. ':state', 'name') or ''}
