-- Who may send to a chatroom.

-- Returns what a message needs to know of its chatroom (name, end of the last mute, last renewal), or why it is
-- refused; and the user whose read position it moves: a member has one from joining to leaving.
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
