-- Chatrooms: joining and leaving, as far as the session's keys are concerned.

-- Says whether *user* would be one member too many: *most* are allowed, 0 for any number.
local function is_full(S, user, most)
  most = tonumber(most)
  return most > 0 and call('ZCARD', S .. ':members') >= most and not call('ZSCORE', S .. ':members', user)
end

-- Makes *user* a member, and the chatroom if there is none and *makes* is 1; returns the number of members. The first
-- one owns it, except if an administrator made the chatroom.
local function admit(S, user, name, makes)
  if makes == '0' and not is_chatroom(S) then return 'none' end
  if call('HSETNX', S .. ':state', 'name', name) == 1 or call('EXISTS', S .. ':members') == 0 then
    call('PERSIST', S .. ':state')
    call('PERSIST', S .. ':sequence')
    if call('HEXISTS', S .. ':state', 'kept') == 0 then call('HSET', S .. ':state', 'owner', user) end
  end
  if call('ZADD', S .. ':members', 'NX', 0, user) == 1 then
    call('HSET', S .. ':state', 'read:' .. user, call('ZRANGE', S .. ':ids', -1, -1)[1] or FIRST)
  end
  return call('ZCARD', S .. ':members')
end

-- Ends the role of a former member; returns the heir of an owner.
local function pass_on(S, user)
  call('ZREM', S .. ':admins', user)
  if call('HGET', S .. ':state', 'owner') ~= user then return nil end
  local heir = call('ZRANGE', S .. ':admins', 0, 0)[1] or call('ZRANGE', S .. ':members', 0, 0)[1]
  if not heir then
    call('HDEL', S .. ':state', 'owner')
    return nil
  end
  call('HSET', S .. ':state', 'owner', heir)
  call('ZREM', S .. ':admins', heir)
  return heir
end

-- Ends a membership. A chatroom without members is removed with its last message. Returns the heir of an owner.
local function dismiss(S, user, floor)
  call('ZREM', S .. ':members', user)
  call('HDEL', S .. ':state', 'read:' .. user)
  local heir = pass_on(S, user)
  if heir or call('EXISTS', S .. ':members') == 1 or call('HEXISTS', S .. ':state', 'kept') == 1 then return heir end
  local left = call('PTTL', S .. ':ids')
  if left < 0 or call('ZCOUNT', S .. ':ids', number(floor), '+inf') == 0 then
    call('DEL', S .. ':state', S .. ':sequence', S .. ':ids', S .. ':messages', S .. ':recalled', S .. ':muted')
  else
    call('PEXPIRE', S .. ':state', left)
    call('PEXPIRE', S .. ':sequence', left)
  end
end

-- Returns the announcement of an event: an array of 9.
local function event_of(chatroom, kind, by, user, message, name, role, ends)
  return cmsgpack.pack({'e', '1:' .. chatroom, kind, by, user, message, name, role, ends})
end

-- Announces the new owner of a chatroom, if there is one.
local function tell_heir(publish, S, chatroom, user, heir)
  if heir then call(publish, S, event_of(chatroom, 'appointed', user, heir, '', '', 'owner', 0)) end
end
