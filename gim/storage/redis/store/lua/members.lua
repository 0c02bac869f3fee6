-- parts: rules session reading
-- Ids of members above one, in order, how many there are in all, the owner, and for each id whether it is that of an
-- administrator. Or how many bytes that needs, if more than *bytes*.
local S = KEYS[1]
local reader, after, count, bytes = unpack(ARGV)
local refused = refusal_to_read(S, reader)
if refused then return refused end
local from = after == '' and '-' or '(' .. after
local ids = call('ZRANGEBYLEX', S .. ':members', from, '+', 'LIMIT', 0, count)
local admins = #ids > 0 and call('ZMSCORE', S .. ':admins', unpack(ids)) or {}
return within(bytes, ids, ids) or {ids, call('ZCARD', S .. ':members'), call('HGET', S .. ':state', 'owner') or '', admins}
