-- parts: session
-- Returns the ids of the newest *limit* messages after a point and before another ('' for none), newest first, without
-- those of *but* ('' for none), and whether any after the point was lost. Some are lost where nothing is left of a session
-- that is listed.

-- Returns the third element of an array, behind one byte that begins it, without reading the content.
local function sender_of(packed)
  local _, _, _, sender = cmsgpack.unpack_limit(packed, 3, 1)
  return sender
end

local S = KEYS[1]
local point, before, but, limit, ttl = unpack(ARGV)
local floor = floor_of(ttl)
local found = {}
local is_whole = call('EXISTS', S .. ':ids') == 1
limit = tonumber(limit)
while #found < limit do
  local ids = newest(S, math.max(floor, score_of(point)), before, 200)
  if #ids == 0 then break end
  local packed = but ~= '' and values(S, ids)
  for n, id in ipairs(ids) do
    before = id
    if id <= point or #found == limit then break end
    if not packed or (packed[n] and sender_of(packed[n]) ~= but) then table.insert(found, id) end
  end
  if before <= point then break end
end
local lost = call('HGET', S .. ':state', 'lost')
local expired = call('ZRANGEBYSCORE', S .. ':ids', number(score_of(point)), '(' .. number(floor), 'LIMIT', 0, 2)
is_whole = is_whole and not (lost and lost > point)
for _, id in ipairs(expired) do is_whole = is_whole and id <= point end
return {found, is_whole and 1 or 0}
