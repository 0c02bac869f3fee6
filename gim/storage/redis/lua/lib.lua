-- What all scripts share. Bases: S of a session, U of a user, G of the data set; see docs/redis.md for the keys.
-- A *score* is a time in milliseconds with the counter of an id as a fraction: exact in a double until 2039,
-- after which members of equal score sort by id, which is the same order.

local call = redis.call
local FIRST = string.rep('0', 32)

local function number(value) -- in full: tostring would round it to 14 digits
  return string.format('%.17g', value)
end

local function now_ms()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Keys outlive what is in them by this much, so that they need not be told anew with every message.
local function renewal(ttl)
  return math.min(ttl / 10, 3600000)
end

local function score_of(id)
  local counter = tonumber(string.sub(id, 13, 16), 16) - 0x7000 -- 7 is the version of a UUIDv7
  return tonumber(string.sub(id, 1, 12), 16) + math.max(0, math.min(counter, 4096)) / 4096
end

-- The next id after *last* (false for none), and its score: from the larger of the server's time and the last.
local function next_id(last, now, random)
  local ms, counter = now, 0
  if last then
    local last_ms = tonumber(string.sub(last, 1, 12), 16)
    if last_ms >= now then
      ms, counter = last_ms, tonumber(string.sub(last, 14, 16), 16) + 1
      if counter == 4096 then ms, counter = ms + 1, 0 end
    end
  end
  return string.format('%012x7%03x%s', ms, counter, random), ms + counter / 4096
end

local function new_id(clock, now, random)
  local id, score = next_id(call('GET', clock), now, random)
  call('SET', clock, id)
  return id, number(score)
end
