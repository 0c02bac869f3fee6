-- Who may send to a chatroom.

-- What a message to a chatroom needs to know of it (name, when the last mute ends, when it was renewed), or why it is
-- refused; and whose read position it moves: that of a member, who has one from joining to leaving.
local function admission(S, sender, now, is_exempt)
  local state = call('HMGET', S .. ':state', 'name', 'muted', 'renewed', 'read:' .. sender)
  if is_exempt then return state, not state[1] and 'none', state[4] and sender end
  if not state[4] then return state, state[1] and 'forbidden' or 'none' end
  if state[2] and now < tonumber(state[2]) then
    local left = (call('ZSCORE', S .. ':muted', sender) or now) - now
    if left > 0 then return state, 'muted:' .. number(left) end
  end
  return state, false, sender
end
