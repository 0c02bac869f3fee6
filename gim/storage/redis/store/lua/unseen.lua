-- parts: person
-- Returns where to search for what a user missed: the point after which (the user's mark unless one is given), whether
-- nothing after it is known to be lost, and the *count* newest private sessions with newer messages, newest first. Or
-- how many bytes that needs, if more than *bytes*. On a cluster a given point moves back to before the messages that were
-- announced after it, but stored long before.
local U = KEYS[1]
local since, ttl, born, count, bytes = unpack(ARGV)
local kept = call('HMGET', U .. ':user', 'mark', 'born', 'lost')
local point = since ~= '' and since or kept[1] or FIRST
local floor, from, is_whole = floor_of(ttl), score_of(point), 1
if since ~= '' then
  if from < tonumber(kept[2] or born) or from < tonumber(kept[3] or 0)
    or call('ZCOUNT', U .. ':sessions', '(' .. number(from), '(' .. number(floor)) > 0 then
    is_whole = 0
  end
  local late = call('ZRANGEBYSCORE', U .. ':late', '(' .. number(from), '+inf')
  if #late == MAX_LATE then is_whole = 0 end
  for _, id in ipairs(late) do
    if id <= point then point = before(id) end
  end
  from = score_of(point)
end
local low = number(math.max(from, floor))
local found = call('ZREVRANGEBYSCORE', U .. ':sessions', '+inf', low, 'WITHSCORES', 'LIMIT', 0, count)
return within(bytes, found) or {point, is_whole, found}
