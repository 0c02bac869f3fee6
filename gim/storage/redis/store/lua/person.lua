-- Users: names, private sessions by last message, chatrooms, nodes. All keys of one user share a hash slot.

local MAX_LATE = 1000 -- late announcements that are remembered of one user, on a cluster

-- Keeps a user for *keep* ms from now, and the list of sessions for as long: it shows what expired.
-- *born* is the score before which nothing is known to be lost. A member of any chatroom is kept without expiry,
-- which GT does not change.
local function touch(U, born, keep)
  if call('HSETNX', U .. ':user', 'born', born) == 1 then
    call('PEXPIRE', U .. ':user', keep)
  else
    call('PEXPIRE', U .. ':user', keep, 'GT')
    call('PEXPIRE', U .. ':sessions', keep, 'GT')
  end
end

-- Counts a node among those where the user is connected, for *longest* ms from now.
local function connected(U, node, born, keep, longest)
  touch(U, born, keep)
  call('SADD', U .. ':nodes', node)
  call('PEXPIRE', U .. ':nodes', longest)
end

-- Returns what a message needs to know of a user: the name (false for none), and whether it is time to renew. *renewed*
-- is the field with the time of the last renewal: each kind of message has its own, since each renews other keys.
local function look(U, born, keep, now, ttl, renewed)
  local user = call('HMGET', U .. ':user', 'name', renewed)
  local is_due = to_renew(user[2], now, ttl)
  if is_due then
    touch(U, born, keep)
    call('HSET', U .. ':user', renewed, number(now))
  end
  return user[1], is_due
end

-- Returns the name of a user: *name* for a new user.
local function known(U, name)
  local kept = call('HGET', U .. ':user', 'name')
  if kept then return kept end
  call('HSET', U .. ':user', 'name', name)
  return name
end

local function raise(U, field, score)
  local kept = call('HGET', U .. ':user', field)
  if not kept or tonumber(kept) < tonumber(score) then call('HSET', U .. ':user', field, score) end
end

-- Puts a private session at the front of a user's list. May be repeated. If the message *is_first*, as its session holds
-- no earlier one, then what the list knows of the session is lost. When it *is_due*, sessions whose messages have all
-- expired are removed.
local function index(U, session, score, is_first, is_due, floor)
  local sessions = U .. ':sessions'
  local before = is_first and call('ZSCORE', sessions, session)
  if before and tonumber(before) < tonumber(score) then raise(U, 'lost', before) end
  if call('ZADD', sessions, 'GT', score, session) == 1 then -- it may be the first one
    local left = call('PTTL', U .. ':user')
    if left > 0 then call('PEXPIRE', sessions, left) end
  end
  if not is_due then return end
  local gone = call('ZREVRANGEBYSCORE', sessions, '(' .. number(floor), '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if #gone > 0 then
    raise(U, 'lost', gone[2])
    call('ZREMRANGEBYSCORE', sessions, '-inf', '(' .. number(floor))
  end
end

-- Says whether one more chatroom would be too many for the user: *most* are allowed, 0 for any number.
local function in_many(U, chatroom, most)
  most = tonumber(most)
  return most > 0 and call('HLEN', U .. ':rooms') >= most and call('HEXISTS', U .. ':rooms', chatroom) == 0
end

-- Makes a chatroom one of the user's; says if it is new. *rank* is the id that it is listed by.
local function enter(U, chatroom, rank)
  if call('HSETNX', U .. ':rooms', chatroom, rank) == 0 then return false end
  call('PERSIST', U .. ':user')
  call('PERSIST', U .. ':sessions')
  return true
end

local function exit(U, chatroom, keep)
  if call('HDEL', U .. ':rooms', chatroom) == 0 then return false end
  if call('EXISTS', U .. ':rooms') == 0 then
    call('PEXPIRE', U .. ':user', keep)
    call('PEXPIRE', U .. ':sessions', keep)
  end
  return true
end
