-- parts: session room rules roles
-- Leaves a stub of a message, which does not count as unread any more; in a *chatroom* ('' for none), also announces
-- the recall. May be repeated.
local S = KEYS[1]
local publish, chatroom, by, id, ttl, within = unpack(ARGV)
if chatroom ~= '' and by ~= SYSTEM then
  local refused = refusal(S, by)
  if refused then return refused end
end
local packed = score_of(id) >= floor_of(ttl) and call('HGET', S .. ':messages', id)
if not packed then return 'gone' end
local value = cmsgpack.unpack(packed)
local sender = value[3]
local is_own = by == sender and now_score() - score_of(id) <= within * 1000
local rank = (chatroom ~= '' or by == SYSTEM) and rank_of(S, by) or 0
local other = by ~= sender and rank_of(S, sender) or 0
if not is_own and not may_act('recall', rank, other) then return 'recall' end
value[2], value[6] = 2, ''
call('HSET', S .. ':messages', id, cmsgpack.pack(value))
call('ZADD', S .. ':recalled', number(score_of(id)), id)
call('PEXPIREAT', S .. ':recalled', call('PEXPIRETIME', S .. ':ids'))
if chatroom ~= '' then call(publish, S, event_of(chatroom, 'recalled', by, '', id, '', '', 0)) end
return 1
