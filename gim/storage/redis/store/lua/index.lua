-- parts: person
-- Cluster: what a private message changes for one of its two users, and its announcement. May be repeated:
-- announced messages are remembered for *told* ms, in the order of their announcements. Messages of a session are
-- announced in the order of their ids: returns 'behind' and does nothing while *previous*, the message before this one
-- in the session ('' for none), may still be announced, which it may be for *pending* ms after it was stored. A message
-- that is announced more than *lag* ms after it was stored is kept in a list of late ones. Where a receiver is away who
-- got a newer message already, the mark moves back, so that catching up finds this one. *name* is '' for the receiver.
local U = KEYS[1]
local born, keep, ttl, told, pending, lag, session, id, previous, name, payload = unpack(ARGV)
local score = now_score()
local now = ms_of(score)
local announced = U .. ':told'
if previous ~= '' and score_of(previous) > score - math.min(ttl, pending) * 1000
  and not call('ZSCORE', announced, previous) then return 'behind' end
local kept_name, is_due = look(U, born, keep, now, ttl, 'renewed')
if name ~= '' and not kept_name then known(U, name) end
index(U, session, number(score_of(id)), previous == '', is_due, score - ttl * 1000)
if not call('ZSCORE', announced, id) then
  local last = call('ZRANGE', announced, -1, -1, 'WITHSCORES')[2]
  local at = math.max(score / 1000, last and last + 0.001 or 0)
  call('ZADD', announced, string.format('%.3f', at), id)
  call('ZREMRANGEBYSCORE', announced, '-inf', number(now - told))
  call('PEXPIRE', announced, told)
  if score - score_of(id) > lag * 1000 then
    call('ZADD', U .. ':late', number(at * 1000), id)
    call('ZREMRANGEBYRANK', U .. ':late', 0, -1 - MAX_LATE)
    call('PEXPIRE', U .. ':late', keep)
  end
  local mark = name == '' and call('HGET', U .. ':user', 'mark')
  if mark and id <= mark and call('EXISTS', U .. ':nodes') == 0 then call('HSET', U .. ':user', 'mark', before(id)) end
  call('SPUBLISH', U, payload)
end
return 1
