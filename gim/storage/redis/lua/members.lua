-- parts: session
-- Ids of members above one, in order, and how many there are in all.
local S = KEYS[1]
local reader, after, count = unpack(ARGV)
local refused = refusal(S, reader)
if refused then return refused end
local from = after == '' and '-' or '(' .. after
return {call('ZRANGEBYLEX', S .. ':members', from, '+', 'LIMIT', 0, count), call('ZCARD', S .. ':members')}
