-- parts: session room
-- Cluster: the chatroom's part of a leaving.
if not is_chatroom(KEYS[1]) then return 'none' end
dismiss(KEYS[1], ARGV[1], floor_of(ARGV[2]))
return 1
