-- Chatrooms: joining and leaving, as far as the session's keys are concerned.

-- Says whether *user* would be one member too many: *most* are allowed, 0 for any number.
local function is_full(S, user, most)
  most = tonumber(most)
  return most > 0 and call('ZCARD', S .. ':members') >= most and not call('ZSCORE', S .. ':members', user)
end

-- Forgets a chatroom with its history, name, mutes and read positions. Answers to a request_id end with their messages.
local function forget(S)
  for _, part in ipairs({'members', 'state', 'sequence', 'ids', 'messages', 'recalled', 'admins', 'muted'}) do
    call('UNLINK', S .. ':' .. part)
  end
end

-- Forgets a chatroom that has no member any more: an earlier version kept it as long as its messages.
local function forget_abandoned(S)
  if not is_chatroom(S) or call('EXISTS', S .. ':members') == 1 then return end
  if call('HEXISTS', S .. ':state', 'kept') == 0 then forget(S) end
end

-- Says whether no chatroom can be made yet: former members of a dismissed one of this id are not out of it.
local function ends(S)
  return not is_chatroom(S) and call('EXISTS', S .. ':going') == 1
end

-- Makes *user* a member, and the chatroom if there is none; returns the number of members. The user who makes a
-- chatroom owns it.
local function admit(S, user, name)
  if call('HSETNX', S .. ':state', 'name', name) == 1 then call('HSET', S .. ':state', 'owner', user) end
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

-- Ends a membership; returns the heir of an owner. With its last member a chatroom is forgotten, unless an
-- administrator made it.
local function dismiss(S, user)
  call('ZREM', S .. ':members', user)
  if call('EXISTS', S .. ':members') == 0 and call('HEXISTS', S .. ':state', 'kept') == 0 then return forget(S) end
  call('HDEL', S .. ':state', 'read:' .. user)
  return pass_on(S, user)
end

-- Returns the announcement of an event: an array of 10. *gone* is a user who is not a member any more and gets none.
local function event_of(chatroom, kind, by, user, message, name, role, ends, gone)
  return cmsgpack.pack({'e', '1:' .. chatroom, kind, by, user, message, name, role, ends, gone or ''})
end

-- Announces the new owner of a chatroom, if there is one, to all but the former owner, who is gone.
local function tell_heir(publish, S, chatroom, user, heir)
  if heir then call(publish, S, event_of(chatroom, 'appointed', user, heir, '', '', 'owner', 0, user)) end
end
