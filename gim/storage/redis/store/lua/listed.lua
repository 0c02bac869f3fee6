-- parts: person
-- A user's private sessions with scores from a score downwards, newest first, and their chatrooms with ranks. Or how
-- many bytes that needs, if more than *bytes*.
local U = KEYS[1]
local top, count, ttl, with_chatrooms, bytes = unpack(ARGV)
local sessions = {}
if tonumber(count) > 0 then
  sessions = call('ZREVRANGEBYSCORE', U .. ':sessions', top, number(floor_of(ttl)), 'WITHSCORES', 'LIMIT', 0, count)
end
local rooms = with_chatrooms == '1' and call('HGETALL', U .. ':rooms') or {}
return within(bytes, sessions, rooms) or {sessions, rooms}
