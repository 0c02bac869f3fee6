-- parts: person
-- Counts an event of a user; returns its number. With *online*, the event is that the user came (1) or went (0).
-- Returns nothing if that was announced already under another *key*, or if the user went but is connected to a node
-- that is *alive*.
local U = KEYS[1]
local online, key, born, keep = unpack(ARGV)
local user = U .. ':user'
if online ~= '' then
  local announced = call('HMGET', user, 'online', 'announced')
  if (announced[1] or '0') == online and announced[2] ~= key then return false end
end
if online == '0' then
  local alive = {}
  for n = 5, #ARGV do alive[ARGV[n]] = true end
  for _, node in ipairs(call('SMEMBERS', U .. ':nodes')) do
    if alive[node] then return false end
  end
end
touch(U, born, keep)
if online ~= '' then call('HSET', user, 'online', online, 'announced', key) end
call('HSETNX', user, 'events', number(now_score()))
return call('HINCRBY', user, 'events', 1)
