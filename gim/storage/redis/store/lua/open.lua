-- parts:
-- Returns what names the data set, made by the first node: epoch, key of tokens, time of making, layout; and how
-- much was said to all nodes so far.
local data = KEYS[1] .. ':data'
local epoch, key, layout = unpack(ARGV)
if call('EXISTS', data) == 0 then
  call('HSET', data, 'epoch', epoch, 'token_key', key, 'created', number(ms_of(now_score())), 'layout', layout)
end
local found = call('HMGET', data, 'epoch', 'token_key', 'created', 'layout')
table.insert(found, call('GET', KEYS[1] .. ':spoken') or '0')
return found
