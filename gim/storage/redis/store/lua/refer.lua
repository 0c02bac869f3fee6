-- parts: person
-- Cluster: keeps a user who is about to send; returns their name.
local U = KEYS[1]
local born, keep, name = unpack(ARGV)
touch(U, born, keep)
return known(U, name)
