-- parts: session room rules roles
-- Mutes a member for *duration* ms, 0 to end it; returns the end. The state holds the end of the last mute, so that a
-- message to a chatroom without mutes needs no other look-up.
local S = KEYS[1]
local publish, chatroom, by, user, duration = unpack(ARGV)
local refused = objection(S, 'mute', by, user)
if refused then return refused end
local muted, now, ends = S .. ':muted', ms_of(now_score()), 0
call('ZREMRANGEBYSCORE', muted, '-inf', number(now))
call('ZREM', muted, user)
if duration ~= '0' then
  ends = now + duration
  call('ZADD', muted, number(ends), user)
end
local last = call('ZRANGE', muted, -1, -1, 'WITHSCORES')[2]
if last then
  call('HSET', S .. ':state', 'muted', number(last))
  call('PEXPIREAT', muted, number(last))
else
  call('HDEL', S .. ':state', 'muted')
end
call(publish, S, event_of(chatroom, 'muted', by, user, '', '', '', ends))
return {number(ends)}
