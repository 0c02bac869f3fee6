-- parts: session
-- The values of the first of some messages, as far as *bytes* reach, and the bytes that the next one needs: see
-- values_within.
local bytes = table.remove(ARGV, 1)
return {values_within(KEYS[1], ARGV, bytes)}
