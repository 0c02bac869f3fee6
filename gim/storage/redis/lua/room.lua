-- Chatrooms: coming and going, the session's part of it.

-- Makes *user* a member, and the chatroom if there is none; returns the number of members.
local function admit(S, user, name)
  if call('HSETNX', S .. ':state', 'name', name) == 1 or call('EXISTS', S .. ':members') == 0 then
    call('PERSIST', S .. ':state')
    call('PERSIST', S .. ':sequence')
  end
  if call('ZADD', S .. ':members', 'NX', 0, user) == 1 then
    call('HSET', S .. ':state', 'read:' .. user, call('ZRANGE', S .. ':ids', -1, -1)[1] or FIRST)
  end
  return call('ZCARD', S .. ':members')
end

-- Ends a membership; a chatroom without members goes with its last message.
local function dismiss(S, user, floor)
  call('ZREM', S .. ':members', user)
  call('HDEL', S .. ':state', 'read:' .. user)
  if call('EXISTS', S .. ':members') == 1 then return end
  local left = call('PTTL', S .. ':ids')
  if left < 0 or call('ZCOUNT', S .. ':ids', number(floor), '+inf') == 0 then
    call('DEL', S .. ':state', S .. ':sequence', S .. ':ids', S .. ':messages')
  else
    call('PEXPIRE', S .. ':state', left)
    call('PEXPIRE', S .. ':sequence', left)
  end
end
