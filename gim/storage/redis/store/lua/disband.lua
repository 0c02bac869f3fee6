-- parts: session room rules roles
-- Ends a chatroom. Former members wait in 'going' until their own keys no longer name it.
local S = KEYS[1]
if not is_chatroom(S) and call('EXISTS', S .. ':going') == 1 then return 1 end
local refused = objection(S, 'dismiss', ARGV[1], '')
if refused then return refused end
local members, going = S .. ':members', S .. ':going'
if call('EXISTS', members) == 1 and call('EXISTS', going) == 0 then
  call('RENAME', members, going)
else
  call('ZUNIONSTORE', going, 2, going, members)
end
forget(S)
return 1
