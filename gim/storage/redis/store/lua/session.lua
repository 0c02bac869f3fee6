-- Sessions: messages, read positions, members. All keys of one session share its hash slot.

local function is_chatroom(S)
  return call('HEXISTS', S .. ':state', 'name') == 1
end

-- Returns why *user* may not read or write here; nil if they may.
local function refusal(S, user)
  if call('ZSCORE', S .. ':members', user) then return nil end
  return is_chatroom(S) and 'forbidden' or 'none'
end

-- The ids of the newest *count* messages before *before* ('' for none), newest first.
local function newest(S, floor, before, count)
  local top = before == '' and '+inf' or number(score_of(before))
  local ids = call('ZREVRANGEBYSCORE', S .. ':ids', top, number(floor), 'LIMIT', 0, count + 1)
  while before ~= '' and ids[1] and ids[1] >= before do table.remove(ids, 1) end
  if #ids > count then table.remove(ids) end
  return ids
end

local function values(S, ids)
  if #ids == 0 then return {} end
  return call('HMGET', S .. ':messages', unpack(ids))
end

-- The values of the first of *ids*, as far as *bytes* reach; and the bytes that the next one needs, 0 if none is left.
local function values_within(S, ids, bytes)
  local found, left = {}, tonumber(bytes)
  for from = 1, #ids, 50 do
    for _, value in ipairs(call('HMGET', S .. ':messages', unpack(ids, from, math.min(from + 49, #ids)))) do
      local size = (value and #value or 0) + 64 -- of the id and the frames of both
      if size > left then return found, size end
      left = left - size
      table.insert(found, value)
    end
  end
  return found, 0
end

-- How many of a sorted set of ids come after a read position and have not expired.
local function count_after(ids, read, floor)
  local from = score_of(read)
  local count = call('ZCOUNT', ids, number(math.max(from, floor)), '+inf')
  if from < floor or count == 0 then return count end
  local edge = call('ZRANGEBYSCORE', ids, number(from), number(from), 'LIMIT', 0, 1)[1]
  return edge and edge <= read and count - 1 or count
end

local function unread(S, read, floor)
  local count = count_after(S .. ':ids', read, floor)
  return count > 0 and math.max(count - count_after(S .. ':recalled', read, floor), 0) or count
end

-- Removes messages, oldest first, and remembers the newest of them. A node of an earlier version, which knows of no
-- recalled ones, may have left some of their ids behind.
local function remove(S, ids)
  call('ZREM', S .. ':ids', unpack(ids))
  call('ZREMRANGEBYSCORE', S .. ':recalled', '-inf', number(score_of(ids[#ids])))
  call('HDEL', S .. ':messages', unpack(ids))
  call('HSET', S .. ':state', 'lost', ids[#ids])
end

-- Drops what has expired, and lets the rest expire a while after the last message. A private session
-- ends with its last message, except the sequence, which is kept as long as users are.
local function renew(S, floor, ttl, is_private, keep)
  local expired = call('ZRANGEBYSCORE', S .. ':ids', '-inf', '(' .. number(floor), 'LIMIT', 0, 1000)
  if #expired > 0 then remove(S, expired) end
  local left = ttl + 2 * renewal(ttl)
  call('PEXPIRE', S .. ':ids', left)
  call('PEXPIRE', S .. ':messages', left)
  call('PEXPIRE', S .. ':recalled', left)
  if is_private then
    call('PEXPIRE', S .. ':state', left)
    call('PEXPIRE', S .. ':sequence', keep + left)
  end
end

-- Stores a message under an id with its score, and moves the read position of *reader*, false for none. Returns its
-- sequence, and the end of its value that announcements share.
local function store(S, id, score, now, floor, ttl, cap, numbered, is_private, keep, is_due, reader, sender, name,
    category, content, origin)
  local sequence = numbered == '1' and call('INCR', S .. ':sequence') or 0
  local said = cmsgpack.pack(sequence, 1, sender, name, category, content, origin)
  call('ZADD', S .. ':ids', score, id)
  call('HSET', S .. ':messages', id, '\151' .. said) -- an array of 7
  if is_due then
    call('HSET', S .. ':state', 'renewed', number(now))
    renew(S, floor, tonumber(ttl), is_private, keep)
  end
  if reader then call('HSET', S .. ':state', 'read:' .. reader, id) end
  local over = call('ZCARD', S .. ':ids') - cap
  if over > 0 then remove(S, call('ZRANGE', S .. ':ids', 0, math.min(over, 100) - 1)) end
  return sequence, said
end

-- Returns the announcement of a message: an array of 11, which ends like the stored value.
local function news_of(id, session, title, said)
  return '\155' .. cmsgpack.pack('m', id, session, title) .. said
end

-- What tells two messages with one request apart, without keeping their content; nothing without a request.
local function digest_of(request, category, content)
  return request ~= '' and string.sub(redis.sha1hex(category .. '\0' .. content), 1, 20)
end

-- Returns the earlier answer to this request of *sender* (id, sequence, and the status that the message has by now),
-- 'reused' if that was for another message, or nil. An answer counts as long as its message is kept.
local function answered(S, sender, request, digest, now, window, floor)
  if request == '' then return nil end
  local answer = call('HGET', S .. ':once:' .. sender, request)
  if not answer then return nil end
  answer = cmsgpack.unpack(answer)
  if answer[3] <= now - window or score_of(answer[1]) < floor then return nil end
  local kept = call('HGET', S .. ':messages', answer[1])
  if not kept then return nil end
  if answer[4] and answer[4] ~= digest then return 'reused' end -- an earlier version kept none
  return {answer[1], answer[2], cmsgpack.unpack(kept)[2]}
end

local function remember(S, sender, request, digest, now, window, limit, id, sequence)
  if request == '' then return end
  local answers, order = S .. ':once:' .. sender, S .. ':asked:' .. sender
  call('HSET', answers, request, cmsgpack.pack({id, sequence, now, digest}))
  call('ZADD', order, number(score_of(id)), request)
  local old = call('ZRANGEBYSCORE', order, '-inf', number((now - window) * 1000), 'LIMIT', 0, 100)
  local over = call('ZCARD', order) - #old - limit
  if over > 0 then
    for _, one in ipairs(call('ZRANGE', order, #old, #old + over - 1)) do table.insert(old, one) end
  end
  if #old > 0 then
    call('HDEL', answers, unpack(old))
    call('ZREM', order, unpack(old))
  end
  call('PEXPIRE', answers, window)
  call('PEXPIRE', order, window)
end
