-- parts: session room
-- Cluster: the chatroom's part of a joining; returns the number of members.
return admit(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
