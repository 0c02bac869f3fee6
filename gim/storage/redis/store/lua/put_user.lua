-- parts: person bans
-- Makes or renames a user; returns the name, or a table with a refusal. A *name* is given when *renamed* is 1.
local U = KEYS[1]
local id, renamed, name, born, keep = unpack(ARGV)
local refused = banned(U)
if refused then return {refused} end
touch(U, born, keep)
if renamed == '0' then return known(U, id) end
call('HSET', U .. ':user', 'name', name)
return name
