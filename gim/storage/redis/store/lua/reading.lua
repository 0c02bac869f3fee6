-- Reading in a chatroom. SYSTEM comes from gim.storage.rules.

-- Returns why *reader* may not read here; nil if they may.
local function refusal_to_read(S, reader)
  if reader == SYSTEM then return not is_chatroom(S) and 'none' or nil end
  return refusal(S, reader)
end
