-- What all scripts share. Bases: S of a session, U of a user, G of the data set; see docs/redis.md for the keys.
-- A *score* is a time in microseconds, which an id holds too: exact in a double until 2255.

local call = redis.call
local FIRST = string.rep('0', 32)

local function number(value) -- in full: tostring would round it to 14 digits
  return string.format('%.0f', value)
end

-- How many bytes a reply of these lists needs if that is more than *bytes*; nil if it is not.
local function within(bytes, ...)
  local needed = 0
  for _, list in ipairs({...}) do
    for _, one in ipairs(list) do needed = needed + 32 + #one end
  end
  return needed > tonumber(bytes) and needed or nil
end

-- The server's time as a score; it stands still while a script runs.
local function now_score()
  local time = call('TIME')
  return time[1] * 1000000 + time[2]
end

local function ms_of(score)
  return math.floor(score / 1000)
end

-- The score before which messages have expired.
local function floor_of(ttl)
  return now_score() - ttl * 1000
end

-- Keys outlive what is in them by this much, so that they need not be set anew with every message.
local function renewal(ttl)
  return math.floor(math.min(ttl / 10, 3600000))
end

-- Says whether it is time to renew what was renewed at a time, false for never.
local function to_renew(renewed, now, ttl)
  renewed = tonumber(renewed or nil)
  return not renewed or now - renewed >= renewal(ttl) or now < renewed
end

-- Ids are UUIDv7: 12 digits of milliseconds, the version, 3 digits of microseconds (method 3 of RFC 9562, section
-- 6.2, with 1,000 of the 4,096 steps used), variant and random bits. Ids made up by others may hold any digits there.
local function score_of(id)
  local micros = tonumber(string.sub(id, 13, 16), 16) - 0x7000
  return tonumber(string.sub(id, 1, 12), 16) * 1000 + math.max(0, math.min(micros, 1000))
end

-- An id before another one, and after all with a lower score.
local function before(id)
  return string.sub(id, 1, 16) .. string.rep('0', 16)
end

-- The score of the id after *last* (false for none): the larger of the server's time and the next of the last.
local function score_after(last, now)
  return last and math.max(now, score_of(last) + 1) or now
end

-- An id with this score, and the score as text: from two integers, which is faster than from one double.
local function id_at(score, random)
  local ms = ms_of(score)
  local micros = score - ms * 1000
  return string.format('%012x7%03x%s', ms, micros, random), string.format('%d%03d', ms, micros)
end

local function new_id(clock, now, random)
  local id, score = id_at(score_after(call('GET', clock), now), random)
  call('SET', clock, id)
  return id, score
end
