-- parts: session
-- The ids of the oldest *count* messages after a point, in order.
local S = KEYS[1]
local point, count, ttl = unpack(ARGV)
local from = math.max(score_of(point), floor_of(ttl))
local ids = call('ZRANGEBYSCORE', S .. ':ids', number(from), '+inf', 'LIMIT', 0, count + 1)
while ids[1] and ids[1] <= point do table.remove(ids, 1) end
if #ids > tonumber(count) then table.remove(ids) end
return ids
