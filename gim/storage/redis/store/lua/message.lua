-- parts: session
-- Cluster: returns the value of a message, '' if it is gone, and the id of the one before it in its session, '' for none.
local S = KEYS[1]
local id = ARGV[1]
local ids = call('ZREVRANGEBYSCORE', S .. ':ids', number(score_of(id)), '-inf', 'LIMIT', 0, 2)
if ids[1] == id then table.remove(ids, 1) end
return {call('HGET', S .. ':messages', id) or '', ids[1] or ''}
