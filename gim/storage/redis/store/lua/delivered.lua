-- parts: person
-- Moves the catching-up marks of users forwards: two arguments after the first two for each key.
local born, keep = ARGV[1], ARGV[2]
for n, U in ipairs(KEYS) do
  local mark, id = call('HGET', U .. ':user', 'mark'), ARGV[n + 2]
  if not mark or mark < id then
    touch(U, born, keep)
    call('HSET', U .. ':user', 'mark', id)
  end
end
return 1
