-- parts: person
-- Moves the catching-up marks of users forwards: two arguments after the first two for each key. They are connected, which
-- keeps them: only one who is forgotten nevertheless begins anew.
local born, keep = ARGV[1], ARGV[2]
for n, U in ipairs(KEYS) do
  local id, kept = ARGV[n + 2], call('HMGET', U .. ':user', 'mark', 'born')
  if not kept[1] or kept[1] < id then
    if not kept[2] then touch(U, born, keep) end
    call('HSET', U .. ':user', 'mark', id)
  end
end
return 1
