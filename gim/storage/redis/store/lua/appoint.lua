-- parts: session room rules roles
-- Gives a member a role.
local S = KEYS[1]
local publish, chatroom, by, user, role = unpack(ARGV)
local refused = objection(S, 'appoint', by, user)
if refused then return refused end
local state, admins, score = S .. ':state', S .. ':admins', number(now_score())
local owner = call('HGET', state, 'owner')
if role == 'owner' then
  if owner then call('ZADD', admins, 'NX', score, owner) end
  call('HSET', state, 'owner', user)
elseif user == owner then
  call('HDEL', state, 'owner')
end
if role == 'admin' then call('ZADD', admins, 'NX', score, user) else call('ZREM', admins, user) end
call(publish, S, event_of(chatroom, 'appointed', by, user, '', '', role, 0))
return 1
