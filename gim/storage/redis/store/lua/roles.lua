-- What roles allow. SYSTEM, RANK and LEAST_RANK come from gim.storage.rules.

-- The rank of a user; 0 for one who is not a member.
local function rank_of(S, user)
  if user == SYSTEM then return RANK.system end
  if not call('ZSCORE', S .. ':members', user) then return 0 end
  if call('HGET', S .. ':state', 'owner') == user then return RANK.owner end
  return call('ZSCORE', S .. ':admins', user) and RANK.admin or RANK.member
end

local function may_act(action, rank, rank_of_member)
  return rank >= LEAST_RANK[action] and rank > rank_of_member
end

-- Returns why *by* may not act here, on the member *user* unless that is ''; nil if they may.
local function objection(S, action, by, user)
  if not is_chatroom(S) then return 'none' end
  local rank, other = rank_of(S, by), 0
  if rank == 0 then return 'forbidden' end
  if rank < RANK.admin then return 'role' end
  if user ~= '' then
    other = rank_of(S, user)
    if other == 0 then return 'stranger' end
  end
  return not may_act(action, rank, other) and 'role' or nil
end
