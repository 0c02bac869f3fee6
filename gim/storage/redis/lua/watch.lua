-- parts: person
-- Counts a node among those where the user is connected.
local U = KEYS[1]
local node, born, keep, longest = unpack(ARGV)
touch(U, born, keep)
call('SADD', U .. ':nodes', node)
call('PEXPIRE', U .. ':nodes', longest)
return 1
