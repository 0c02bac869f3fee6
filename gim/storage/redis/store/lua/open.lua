-- parts:
-- Returns the data of the data set, which the first node makes: epoch, key of tokens, time of creation, layout; and
-- the number of the last broadcast.
local data = KEYS[1] .. ':data'
local epoch, key, layout = unpack(ARGV)
if call('EXISTS', data) == 0 then
  call('HSET', data, 'epoch', epoch, 'token_key', key, 'created', number(ms_of(now_score())), 'layout', layout)
end
local found = call('HMGET', data, 'epoch', 'token_key', 'created', 'layout')
table.insert(found, call('GET', KEYS[1] .. ':spoken') or '0')
return found
