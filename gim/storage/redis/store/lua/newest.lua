-- parts: session
-- Returns for each session the id of its newest message, '' for none.
local found = {}
for at, S in ipairs(KEYS) do
  found[at] = newest(S, floor_of(ARGV[1]), '', 1)[1] or ''
end
return found
